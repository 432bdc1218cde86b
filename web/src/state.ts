// What the page knows, as signals, and the few things a person can do to it.

import { batch, computed, effect, signal, untracked } from "@preact/signals";
import { readAddress, USUAL_ACCURACY, writeAddress, type Address } from "./address";
import * as api from "./api";
import type { CaseClass, ClassKey, Kind, Layers, Place, Point, Routing } from "./api";
import type { Lang } from "./i18n";
import { either, lang } from "./words";

export type Loadable<T> =
  | { state: "idle" }
  | { state: "loading" }
  | { state: "done"; value: T }
  | { state: "failed"; problem: api.Problem };

const IDLE = { state: "idle" } as const;
const LOADING = { state: "loading" } as const;

export const layers = signal<Loadable<Layers>>(IDLE);
export const catalogue = signal<Loadable<CaseClass[]>>(IDLE);
export const place = signal<Loadable<Place>>(IDLE);
export const routing = signal<Loadable<Routing>>(IDLE);

export const point = signal<Point | null>(null);
export const chosen = signal<ClassKey | null>(null);
export const accuracy = signal(USUAL_ACCURACY);
export const shown = signal<string[] | null>(null);
export const edition = signal("2026");
export const kind = signal<Kind>("component");

export const key = signal(api.keptKey());
export const keyWanted = signal(false);
/** The width below which the panels lie over the whole map, one at a time; the same as in style.css. */
export const NARROW = 760;
export const railOpen = signal(innerWidth > NARROW);
export const dark = signal(false);
export const cursor = signal<Point | null>(null);
export const zoom = signal(0);

export const revision = computed(() => (layers.value.state === "done" ? layers.value.value.revision : null));

/** Layers drawn before anyone chooses: what orients, without the areas that cover one another. */
const USUAL_LAYERS = ["divisions", "units", "components"];

export const shownLayers = computed(() => {
  if (layers.value.state !== "done") return [];
  const ids = layers.value.value.layers.filter((layer) => layer.geometry !== "none").map((layer) => layer.id);
  const wanted = shown.value ?? USUAL_LAYERS;
  return ids.filter((id) => wanted.includes(id));
});

/** The title of an area layer by the name that answers use: `drainage` is the layer `areas.drainage`. */
export function areaTitle(layer: string): string {
  const known = layers.value.state === "done" ? layers.value.value.layers : [];
  const found = known.find(({ id }) => id === `areas.${layer}` || id === layer);
  return found ? either(found.title) : layer;
}

/** The catalogue's entry for the chosen class, once the catalogue is here. */
export const chosenClass = computed<CaseClass | null>(() => {
  const cls = chosen.value;
  if (!cls || catalogue.value.state !== "done") return null;
  const same = (entry: CaseClass) =>
    entry.code === cls.code && entry.edition === cls.edition && entry.kind === cls.kind;
  return catalogue.value.value.find(same) ?? null;
});

function follow(address: Address): void {
  batch(() => {
    lang.value = address.lang;
    if (String(point.peek()) !== String(address.point)) point.value = address.point;
    chosen.value = address.cls;
    accuracy.value = address.accuracy;
    shown.value = address.shown;
    if (address.cls) {
      edition.value = address.cls.edition;
      kind.value = address.cls.kind;
    }
  });
}

/** Puts the state into the link: as a new entry of the history when the answer changes, else in place. */
function remember(how: "push" | "replace"): void {
  const address = {
    lang: lang.value,
    point: point.value,
    cls: chosen.value,
    accuracy: accuracy.value,
    shown: shown.value,
  };
  const link = location.pathname + writeAddress(address) + location.hash;
  if (link === location.pathname + location.search + location.hash) return;
  if (how === "push") history.pushState(null, "", link);
  else history.replaceState(history.state, "", link);
}

export function testPoint(at: Point): void {
  // Rounded as the link writes it, so that the link asks exactly the same question.
  point.value = [Number(at[0].toFixed(6)), Number(at[1].toFixed(6))];
  remember("push");
}

export function closeResult(): void {
  if (!point.value) return;
  point.value = null;
  remember("push");
}

export function chooseClass(cls: ClassKey | null): void {
  chosen.value = cls && { edition: cls.edition, kind: cls.kind, code: cls.code };
  remember("push");
}

export function chooseCatalogue(newEdition: string, newKind: Kind): void {
  batch(() => {
    edition.value = newEdition;
    kind.value = newKind;
    if (chosen.value && (chosen.value.edition !== newEdition || chosen.value.kind !== newKind)) chooseClass(null);
  });
}

export function setAccuracy(metres: number): void {
  accuracy.value = metres;
  remember("replace");
}

export function setLang(language: Lang): void {
  lang.value = language;
  remember("replace");
}

export function showLayer(id: string, visible: boolean): void {
  const others = shownLayers.value.filter((other) => other !== id);
  shown.value = visible ? [...others, id] : others;
  remember("replace");
}

export function useKey(newKey: string): void {
  api.keepKey(newKey);
  batch(() => {
    key.value = newKey;
    keyWanted.value = false;
  });
  load();
}

/** Asks for everything that is asked for once; also the answer to "try again". */
export function load(): void {
  void fill(layers, api.fetchLayers());
  void fill(catalogue, api.fetchCatalogue());
}

async function fill<T>(target: { value: Loadable<T> }, answer: Promise<T>): Promise<void> {
  if (untracked(() => target.value.state) !== "done") target.value = LOADING;
  try {
    target.value = { state: "done", value: await answer };
  } catch (failure) {
    if (failure instanceof DOMException) return; // overtaken by a newer question
    if (!(failure instanceof api.Problem)) throw failure;
    if (failure.wantsKey) keyWanted.value = true;
    target.value = { state: "failed", problem: failure };
  }
}

let running = new AbortController();
const asked = signal(0);

export function retry(): void {
  if (layers.value.state === "failed" || catalogue.value.state === "failed") load();
  asked.value += 1;
}

function ask(at: Point | null, metres: number, cls: ClassKey | null): void {
  running.abort();
  running = new AbortController();
  place.value = at ? LOADING : IDLE;
  routing.value = at && cls ? LOADING : IDLE;
  if (!at) return;
  void fill(place, api.locate(at, metres, running.signal));
  if (cls) void fill(routing, api.route(at, metres, cls, running.signal));
}

/** Begins: the link, the system's colours, the first questions, and a new question whenever one of its parts changes. */
export function begin(): void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  dark.value = system.matches;
  system.addEventListener("change", () => (dark.value = system.matches));
  follow(readAddress(location.search));
  remember("replace");
  addEventListener("popstate", () => follow(readAddress(location.search)));
  load();
  effect(() => {
    void [asked.value, key.value];
    const [at, metres, cls] = [point.value, accuracy.value, chosen.value];
    untracked(() => ask(at, metres, cls));
  });
  effect(() => {
    document.documentElement.lang = lang.value === "zh" ? "zh-Hans" : "en";
  });
  effect(() => {
    // An answer of a newer revision means that the layers on the map are old.
    const answer = routing.value.state === "done" ? routing.value.value : null;
    if (answer && untracked(() => revision.value ?? answer.revision) < answer.revision) load();
  });
}
