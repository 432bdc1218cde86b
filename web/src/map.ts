// The map: follows the state, and turns clicks into tested points.

import { effect, untracked } from "@preact/signals";
import { Map as MapLibre, Marker, ScaleControl, setWorkerUrl, type LngLat } from "maplibre-gl";
import "maplibre-gl/dist/maplibre-gl.css";
import worker from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import type { Bounds, Layer, Point } from "./api";
import { drawn, type Scene } from "./cartography";
import * as state from "./state";
import { t } from "./words";

setWorkerUrl(worker);

const CLOSE_UP = 16;
let map: MapLibre | null = null;

export function startMap(container: HTMLElement): void {
  const placed = /^#\d/.test(location.hash);
  map = new MapLibre({
    container,
    style: untracked(() => drawn(scene())),
    hash: true,
    center: [105, 35],
    zoom: 3,
    maxZoom: 21,
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    canvasContextAttributes: { antialias: true },
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new ScaleControl({ unit: "metric", maxWidth: 120 }), "bottom-right");
  map.on("click", (event) => state.testPoint(lonLat(event.lngLat)));
  map.on("mousemove", (event) => (state.cursor.value = lonLat(event.lngLat)));
  map.on("mouseout", () => (state.cursor.value = null));
  map.on("zoom", () => (state.zoom.value = map?.getZoom() ?? 0));
  map.on("error", ({ error }) => {
    const status = (error as { status?: number }).status;
    if (status === 401 || status === 403) state.keyWanted.value = true;
    else console.warn(error.message);
  });
  map.once("style.load", () => {
    state.zoom.value = map?.getZoom() ?? 0;
    if (!placed) goToBeginning();
    followState();
  });
}

export function zoomBy(steps: number): void {
  map?.zoomTo(map.getZoom() + steps);
}

/** Everything there is: the unit grids, or failing that the first layer that lies anywhere. */
export function showWhole(animate = true): void {
  const bounds = state.layers.value.state === "done" ? wholeBounds(state.layers.value.value.layers) : null;
  if (bounds) map?.fitBounds(bounds, { padding: room(), animate, maxZoom: 18 });
}

/** Shows something: all of it, or what lies around a point. */
export function goTo(at: Point, bounds: Bounds | null): void {
  if (bounds) map?.fitBounds(bounds, { padding: room(), maxZoom: 17 });
  else map?.easeTo({ center: [at[0], at[1]], zoom: Math.max(map.getZoom(), CLOSE_UP) });
}

/** The middle of the view, once it is so near that it says where somebody looks. */
export function middle(): Point | null {
  return map && map.getZoom() >= 9 ? lonLat(map.getCenter().wrap()) : null;
}

function wholeBounds(layers: Layer[]): Bounds | null {
  const units = layers.find((layer) => layer.id === "units");
  return units?.bounds ?? layers.find((layer) => layer.bounds)?.bounds ?? null;
}

function lonLat({ lng, lat }: LngLat): [number, number] {
  return [lng, lat];
}

function scene(): Scene {
  const layers = state.layers.value.state === "done" ? state.layers.value.value.layers : [];
  const place = state.place.value.state === "done" ? state.place.value.value : null;
  const routing = state.routing.value.state === "done" ? state.routing.value.value : null;
  return {
    layers,
    shown: state.shownLayers.value,
    key: state.key.value,
    dark: state.dark.value,
    point: state.point.value,
    accuracy: state.accuracy.value,
    unit: place?.unit ?? routing?.unit ?? null,
    component: routing?.component?.code ?? null,
  };
}

/** Without a view in the link: at the tested point if there is one, else the whole grid as soon as it is known. */
function goToBeginning(): void {
  const at = state.point.peek();
  if (at && drawable(at)) {
    map?.jumpTo({ center: [at[0], at[1]], zoom: CLOSE_UP });
    return;
  }
  const stop = effect(() => {
    if (state.layers.value.state !== "done") return;
    untracked(() => showWhole(false));
    queueMicrotask(() => stop());
  });
}

function followState(): void {
  effect(() => void map?.setStyle(drawn(scene()), { diff: true }));
  effect(() => map?.getCanvas().setAttribute("aria-label", t("map.label")));
  let last = state.revision.peek();
  effect(() => {
    const revision = state.revision.value;
    if (last !== null && revision !== null && revision !== last) reloadTiles();
    last = revision;
  });
  followPoint();
}

function reloadTiles(): void {
  for (const [id, source] of Object.entries(map?.getStyle().sources ?? {})) {
    if (source.type === "vector") map?.refreshTiles(id);
  }
}

function followPoint(): void {
  const pin = document.createElement("div");
  pin.className = "pin";
  const marker = new Marker({ element: pin, anchor: "bottom", draggable: true });
  marker.on("dragend", () => state.testPoint(lonLat(marker.getLngLat())));
  effect(() => {
    const at = state.point.value;
    if (!map) return;
    // What is no place on Earth is still asked, for the server says what is wrong with it; it cannot be drawn.
    if (!at || !drawable(at)) {
      marker.remove();
      return;
    }
    marker.setLngLat([at[0], at[1]]).addTo(map);
    untracked(() => keepInSight(at));
  });
  effect(() => {
    pin.setAttribute("aria-label", t("map.marker"));
    pin.title = t("map.marker");
  });
}

function drawable(at: readonly [number, number]): boolean {
  return Math.abs(at[0]) <= 180 && Math.abs(at[1]) <= 90;
}

/** Space that the panels cover, in pixels, as they lie at this width of the window. */
function room(): { left: number; right: number; top: number; bottom: number } {
  const rail = document.querySelector(".rail")?.getBoundingClientRect();
  const drawer = document.querySelector(".drawer")?.getBoundingClientRect();
  const narrow = innerWidth <= state.NARROW;
  return {
    left: !narrow && rail ? rail.right + 24 : 24,
    right: !narrow && drawer ? innerWidth - drawer.left + 24 : 24,
    top: narrow && rail ? Math.min(rail.bottom, 120) + 16 : 24,
    bottom: narrow && drawer ? innerHeight - drawer.top + 24 : 56,
  };
}

/** Moves the map only when the point lies outside it or below a panel. */
function keepInSight(at: readonly [number, number]): void {
  // The drawer that may cover the point is drawn after this: look once it is there.
  requestAnimationFrame(() => {
    if (!map) return;
    const { x, y } = map.project([at[0], at[1]]);
    const free = room();
    const seen = x > free.left && x < innerWidth - free.right && y > free.top && y < innerHeight - free.bottom;
    if (seen) return;
    const offset: [number, number] = [(free.left - free.right) / 2, (free.top - free.bottom) / 2];
    map.easeTo({ center: [at[0], at[1]], offset, zoom: Math.max(map.getZoom(), 14) });
  });
}
