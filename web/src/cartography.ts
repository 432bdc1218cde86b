// How the map is drawn: a pure function from what is known to a MapLibre style. No glyphs, sprites or base map:
// text is drawn with the fonts of the machine.

import type {
  CircleLayerSpecification,
  ExpressionSpecification,
  FillLayerSpecification,
  LayerSpecification,
  LineLayerSpecification,
  SourceSpecification,
  StyleSpecification,
  SymbolLayerSpecification,
} from "maplibre-gl";
import { tileAddress, type Layer, type Point } from "./api";

export interface Scene {
  layers: Layer[];
  shown: string[];
  key: string;
  dark: boolean;
  point: Point | null;
  accuracy: number;
  /** Codes of what was found, to be made to stand out. */
  unit: string | null;
  component: string | null;
}

const FONT = ["Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "sans-serif"];
const INK = {
  light: { ground: "#eef1f4", text: "#22303d", halo: "#ffffff", unit: "#8496a8", division: "#4a4f7c", found: "#d9480f" },
  dark: { ground: "#10151b", text: "#dbe4ec", halo: "#10151b", unit: "#4d5f71", division: "#a9a6e0", found: "#ffa94d" },
};
/** Hues that stay apart for colour-blind eyes (after Okabe and Ito), for a light and a dark ground. */
const HUES = {
  light: ["#0072b2", "#b5651d", "#00795c", "#a3478a", "#7a6f00", "#5b3fa8", "#b3261e", "#3b6f8f"],
  dark: ["#56b4e9", "#f0a35e", "#2fc9a0", "#e29ac8", "#e6dc5a", "#b39cf0", "#ff8a80", "#9cc7e0"],
};

/** The colour of a layer, the same in the list and on the map; it hangs on the order of the layers alone. */
export function colourOf(layers: Layer[], id: string, dark: boolean): string {
  const theme = dark ? "dark" : "light";
  if (id === "units") return INK[theme].unit;
  if (id === "divisions") return INK[theme].division;
  const others = layers.filter((layer) => !["units", "divisions"].includes(layer.id) && layer.geometry !== "none");
  const hues = HUES[theme];
  return hues[Math.max(0, others.findIndex((layer) => layer.id === id)) % hues.length] ?? hues[0]!;
}

/** From which zoom a layer is drawn: a large one is only a smear, and slow, from further away. */
export function nearestZoom(layer: Layer): number {
  if (layer.count <= 20_000) return 0;
  return layer.geometry === "point" ? 14 : 11;
}

/** Tiles of this zoom serve all nearer ones: their grid is 0.15 m, and fewer tile edges cut fewer labels in two. */
const DEEPEST = 16;

const code: ExpressionSpecification = ["to-string", ["get", "code"]];
const name: ExpressionSpecification = ["coalesce", ["get", "name"], code];
const byZoom = (...stops: number[]): ExpressionSpecification => ["interpolate", ["linear"], ["zoom"], ...stops];

export function drawn(scene: Scene): StyleSpecification {
  const ink = INK[scene.dark ? "dark" : "light"];
  const sources: Record<string, SourceSpecification> = {};
  const order = [...scene.layers].sort((a, b) => rank(a) - rank(b));
  const shapes: LayerSpecification[] = [];
  const labels: LayerSpecification[] = [];
  for (const layer of order.filter((each) => each.geometry !== "none")) {
    sources[layer.id] = {
      type: "vector",
      tiles: [tileAddress(layer.id, scene.key)],
      minzoom: nearestZoom(layer),
      maxzoom: DEEPEST,
      ...(layer.bounds ? { bounds: layer.bounds } : {}),
    };
    if (!scene.shown.includes(layer.id)) continue;
    const colour = colourOf(scene.layers, layer.id, scene.dark);
    shapes.push(...shapesOf(layer, colour, ink.ground));
    labels.push(...labelsOf(layer, scene.dark));
  }
  sources.error_circle = { type: "geojson", data: errorCircle(scene.point, scene.accuracy) };
  return {
    version: 8,
    sources,
    layers: [
      { id: "ground", type: "background", paint: { "background-color": ink.ground } },
      ...shapes,
      ...found(scene, ink.found),
      ...labels,
    ],
  };
}

/** Areas lie below units, units below divisions, points on top. */
function rank(layer: Layer): number {
  if (layer.geometry === "point") return 4;
  if (layer.id === "divisions") return 3;
  return layer.id === "units" ? 2 : 1;
}

function shapesOf(layer: Layer, colour: string, ground: string): LayerSpecification[] {
  const from = { source: layer.id, "source-layer": layer.id };
  const lines: LineLayerSpecification = {
    ...from,
    id: `${layer.id}/line`,
    type: "line",
    layout: { "line-join": "round" },
    paint: { "line-color": colour, "line-width": lineWidth(layer.id) },
  };
  const fills: FillLayerSpecification = {
    ...from,
    id: `${layer.id}/fill`,
    type: "fill",
    filter: ["==", ["geometry-type"], "Polygon"],
    paint: { "fill-color": colour, "fill-opacity": layer.id === "units" ? 0.05 : 0.16 },
  };
  const circles: CircleLayerSpecification = {
    ...from,
    id: `${layer.id}/circle`,
    type: "circle",
    filter: ["==", ["geometry-type"], "Point"],
    paint: {
      "circle-color": colour,
      "circle-radius": byZoom(12, 1.2, 16, 3, 19, 6),
      "circle-stroke-color": ground,
      "circle-stroke-width": byZoom(14, 0, 17, 1.2),
    },
  };
  if (layer.geometry === "point") return [circles];
  if (layer.geometry === "line" || layer.id === "divisions") return [lines];
  return layer.geometry === "mixed" ? [fills, lines, circles] : [fills, lines];
}

function lineWidth(id: string): ExpressionSpecification {
  if (id === "units") return byZoom(11, 0.2, 14, 0.6, 17, 1.2);
  if (id !== "divisions") return byZoom(11, 0.8, 17, 2);
  // A shorter code is a higher division: county, street, community in falling width.
  const weight: ExpressionSpecification = ["step", ["length", code], 3, 9, 2, 12, 1];
  return ["interpolate", ["linear"], ["zoom"], 9, ["*", 0.5, weight], 16, ["*", 1.2, weight]];
}

function labelsOf(layer: Layer, dark: boolean): SymbolLayerSpecification[] {
  if (layer.geometry === "point") return [];
  const ink = INK[dark ? "dark" : "light"];
  const from = { source: layer.id, "source-layer": layer.id, type: "symbol" as const };
  const paint = { "text-color": ink.text, "text-halo-color": ink.halo, "text-halo-width": 1.5 };
  const face = { "text-font": FONT, "text-padding": 4 };
  if (layer.id === "units") {
    // The last three digits tell units of a community apart; the whole code needs room.
    const brief: ExpressionSpecification = ["step", ["zoom"], ["slice", code, -3], 17, code];
    const layout = { ...face, "text-field": brief, "text-size": 11 };
    return [{ ...from, id: "units/label", minzoom: 15.5, layout, paint: { ...paint, "text-opacity": 0.8 } }];
  }
  if (layer.id === "divisions") {
    const layout = { ...face, "text-field": name, "text-size": byZoom(10, 12, 15, 15) };
    const level = (id: string, digits: ExpressionSpecification, minzoom: number, maxzoom: number) => ({
      ...from,
      id: `divisions/${id}`,
      minzoom,
      maxzoom,
      filter: digits as never,
      layout,
      paint: { ...paint, "text-color": colourOf([], "divisions", dark) },
    });
    return [
      level("county", ["<", ["length", code], 9], 7, 11),
      level("street", ["all", [">=", ["length", code], 9], ["<", ["length", code], 12]], 11, 14),
      level("community", [">=", ["length", code], 12], 14, 24),
    ];
  }
  const layout = { ...face, "text-field": name, "text-size": 12 };
  // Things that stand close together are named only where there is room for it.
  const minzoom = layer.geometry === "polygon" ? 12 : 17;
  return [{ ...from, id: `${layer.id}/label`, minzoom, layout, paint }];
}

function found(scene: Scene, colour: string): LayerSpecification[] {
  const has = (id: string) => scene.layers.some((layer) => layer.id === id && layer.geometry !== "none");
  const layers: LayerSpecification[] = [];
  if (scene.unit && has("units")) {
    const from = { source: "units", "source-layer": "units", filter: ["==", code, scene.unit] as never };
    layers.push(
      { ...from, id: "found/fill", type: "fill", paint: { "fill-color": colour, "fill-opacity": 0.2 } },
      { ...from, id: "found/line", type: "line", paint: { "line-color": colour, "line-width": 3 } },
    );
  }
  layers.push(
    { id: "error/fill", source: "error_circle", type: "fill", paint: { "fill-color": colour, "fill-opacity": 0.16 } },
    {
      id: "error/line",
      source: "error_circle",
      type: "line",
      paint: { "line-color": colour, "line-width": 1.2, "line-dasharray": [3, 2] },
    },
  );
  if (scene.component && has("components")) {
    layers.push({
      id: "found/component",
      source: "components",
      "source-layer": "components",
      filter: ["==", code, scene.component] as never,
      type: "circle",
      paint: { "circle-opacity": 0, "circle-radius": 10, "circle-stroke-color": colour, "circle-stroke-width": 3 },
    });
  }
  return layers;
}

/** The position error around the point, as a ring of 64 corners; a sphere is exact enough for a picture. */
function errorCircle(point: Point | null, metres: number): GeoJSON.FeatureCollection {
  if (!point || !(metres > 0) || Math.abs(point[1]) >= 90) return { type: "FeatureCollection", features: [] };
  const degree = 111_320;
  const across = degree * Math.cos((point[1] * Math.PI) / 180);
  const ring = Array.from({ length: 65 }, (_, corner) => {
    const turn = (corner / 64) * 2 * Math.PI;
    return [point[0] + (metres / across) * Math.cos(turn), point[1] + (metres / degree) * Math.sin(turn)];
  });
  return {
    type: "FeatureCollection",
    features: [{ type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [ring] } }],
  };
}
