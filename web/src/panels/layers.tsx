// The list of layers: what is drawn, in which colour, how much there is of it.

import type { Layer } from "../api";
import { colourOf, nearestZoom } from "../cartography";
import { dark, layers, showLayer, shownLayers, zoom } from "../state";
import { either, number, t } from "../words";
import { Failure } from "./failure";

export function LayerList() {
  const known = layers.value;
  return (
    <section class="card" aria-labelledby="layers-title">
      <h2 id="layers-title">{t("layers.title")}</h2>
      {(known.state === "loading" || known.state === "idle") && <p class="quiet">{t("layers.loading")}</p>}
      {known.state === "failed" && <Failure problem={known.problem} />}
      {known.state === "done" && (
        <>
          {known.value.layers.every((layer) => layer.count === 0) && <p class="quiet">{t("layers.empty")}</p>}
          <ul class="layers" data-testid="layers">
            {known.value.layers.map((layer) => (
              <Row key={layer.id} layer={layer} all={known.value.layers} />
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function Row({ layer, all }: { layer: Layer; all: Layer[] }) {
  const title = either(layer.title) || layer.id;
  const count = (
    <span class="count" title={t("layers.count", { n: number(layer.count) })}>
      {number(layer.count)}
    </span>
  );
  if (layer.geometry === "none") {
    return (
      <li class="layer flat" data-layer={layer.id}>
        <span class="swatch none" aria-hidden="true" />
        <span class="layer-title">{title}</span>
        <span class="note">{t("layers.no_geometry")}</span>
        {count}
      </li>
    );
  }
  const visible = shownLayers.value.includes(layer.id);
  const far = visible && zoom.value < nearestZoom(layer);
  const shape = layer.geometry === "point" ? "dot" : layer.id === "divisions" ? "stroke" : "square";
  return (
    <li data-layer={layer.id}>
      <label class="layer" title={t("layers.show", { title })}>
        <input
          type="checkbox"
          checked={visible}
          onChange={(event) => showLayer(layer.id, event.currentTarget.checked)}
        />
        <span
          class={`swatch ${shape}`}
          style={{ "--colour": colourOf(all, layer.id, dark.value) }}
          aria-hidden="true"
        />
        <span class="layer-title">{title}</span>
        {far && <span class="note">{t("layers.zoom_in")}</span>}
        {count}
      </label>
    </li>
  );
}
