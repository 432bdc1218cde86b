// The bottom strip: what to do next, where the cursor is, how near, which revision.

import { chosen, cursor, point, revision, zoom } from "../state";
import { coordinates, number, t } from "../words";

export function Strip() {
  const hint = point.value ? "strip.hint_open" : chosen.value ? "strip.hint" : "strip.hint_class";
  return (
    <footer class="strip">
      <span class="hint">{t(hint)}</span>
      <span class="cursor mono" title={t("strip.cursor")}>
        {cursor.value ? coordinates(cursor.value) : "—"}
      </span>
      <span>
        {t("strip.zoom")} <span class="mono">{number(zoom.value, 1)}</span>
      </span>
      {revision.value !== null && (
        <span data-testid="revision">
          {t("strip.revision")} <span class="mono">{revision.value}</span>
        </span>
      )}
    </footer>
  );
}
