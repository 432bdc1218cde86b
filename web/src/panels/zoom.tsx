import { showWhole, zoomBy } from "../map";
import { t } from "../words";

export function ZoomButtons() {
  const button = (label: string, drawing: string, act: () => void) => (
    <button type="button" aria-label={label} title={label} onClick={act}>
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <path d={drawing} fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" />
      </svg>
    </button>
  );
  return (
    <div class="zoom">
      {button(t("map.zoom_in"), "M8 3v10M3 8h10", () => zoomBy(1))}
      {button(t("map.zoom_out"), "M3 8h10", () => zoomBy(-1))}
      {button(t("map.whole"), "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4", () => showWhole())}
    </div>
  );
}
