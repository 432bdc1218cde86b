// What the page asks of the server, and the one shape in which a failure arrives.

import type { Geometry } from "geojson";
import { en, zh } from "./i18n";
import { lang, type Both } from "./words";

export type Point = readonly [lon: number, lat: number];
export type Bounds = [west: number, south: number, east: number, north: number];
export type Kind = "component" | "matter";

export interface Layer {
  id: string;
  title: Both;
  geometry: "polygon" | "point" | "mixed" | "none" | "line";
  bounds: Bounds | null;
  count: number;
}

export interface Layers {
  revision: number;
  layers: Layer[];
}

export interface ClassKey {
  edition: string;
  kind: Kind;
  code: string;
}

export interface CaseClass extends ClassKey {
  name_zh: string;
  name_en?: string | null;
  major_code?: string | null;
  major_name_zh?: string | null;
  major_name_en?: string | null;
}

export interface Named {
  code: string;
  name?: string | null;
}

export interface Area extends Named {
  department?: string | Named | null;
}

export interface Place {
  point: Point;
  unit: string | null;
  divisions: Record<string, Named | null>;
  areas: Record<string, Area[]>;
  departments?: (Named & { role?: string; layer?: string })[];
  boundary_distance_m: number | null;
  flags: string[];
  /** Where it is in words, by the named roads and places around it. */
  place?: Both;
  revision: number;
}

/** Something that a search has found; `in` are the divisions above it, the widest first. */
export interface Hit {
  kind: string;
  layer: string | null;
  code: string;
  name: string | null;
  point: [number, number] | null;
  bbox: Bounds | null;
  in: string[];
  class?: { edition: string; kind: Kind };
  note?: Both;
}

export interface Basis {
  text?: string | null;
  document?: string | null;
  number?: string | null;
  date?: string | null;
  url?: string | null;
}

export interface Reason extends Both {
  code: string;
}

/** How the department was found: `value` is a department, an area layer, a division level or a role of the asset. */
export interface Target {
  kind: "department" | "area" | "division" | "component";
  value: string;
}

/** A rule by its code, unique within the owner (a division code, "" everywhere). */
export interface Rule {
  owner?: string | null;
  code: string;
}

export interface Alternative {
  department: Named;
  rule?: Rule | null;
  distance_m?: number | null;
  why?: string | null;
}

export interface Routing {
  unit: string | null;
  /** `path`: the departments above it, from the top. */
  department: (Named & { path?: Named[] | null }) | null;
  advice: string;
  target: Target | null;
  rule: Rule | null;
  basis: Basis | null;
  time_limit?: string | null;
  supervisor?: Named | null;
  area: (Named & { layer: string }) | null;
  component?: { code: string; distance_m?: number | null } | null;
  flags: string[];
  alternatives: Alternative[];
  because: Reason[];
  revision: number;
}

/** A failed question: a stable code and a sentence in each language. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly text: Both,
    readonly more: Both[] = [],
    readonly where: Geometry | null = null,
  ) {
    super(text.en);
  }

  get wantsKey(): boolean {
    return this.status === 401 || this.status === 403;
  }
}

const KEPT = "wangge.key";

export function keptKey(): string {
  return sessionStorage.getItem(KEPT) ?? "";
}

export function keepKey(key: string): void {
  if (key) sessionStorage.setItem(KEPT, key);
  else sessionStorage.removeItem(KEPT);
}

/** An absolute address on this server: the map's worker cannot resolve a relative one. */
export function tileAddress(layer: string, key: string): string {
  const suffix = key ? `?key=${encodeURIComponent(key)}` : "";
  return `${location.origin}/tiles/${encodeURIComponent(layer)}/{z}/{x}/{y}.mvt${suffix}`;
}

export function locateAddress(point: Point, accuracy: number): string {
  return `/v1/locate?lon=${point[0]}&lat=${point[1]}&crs=CRS84&accuracy_m=${accuracy}&names=true`;
}

export const fetchLayers = (): Promise<Layers> => ask("/v1/layers");

export const fetchCatalogue = async (): Promise<CaseClass[]> =>
  (await ask<{ classes: CaseClass[] }>("/v1/catalogue")).classes;

export const search = async (q: string, near: Point | null, signal: AbortSignal): Promise<Hit[]> => {
  const asked = new URLSearchParams({ q, ...(near ? { near: near.map((number) => number.toFixed(6)).join(",") } : {}) });
  return (await ask<{ hits: Hit[] }>(`/v1/search?${asked}`, { signal })).hits;
};

export const locate = (point: Point, accuracy: number, signal: AbortSignal): Promise<Place> =>
  ask(locateAddress(point, accuracy), { signal });

export const route = (point: Point, accuracy: number, cls: ClassKey, signal: AbortSignal): Promise<Routing> =>
  ask("/v1/cases/route", {
    method: "POST",
    signal,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      lon: point[0],
      lat: point[1],
      crs: "CRS84",
      accuracy_m: accuracy,
      reported_at: new Date().toISOString(),
      edition: cls.edition,
      kind: cls.kind,
      class_code: cls.code,
    }),
  });

async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  const headers = new Headers(init.headers);
  headers.set("Accept", "application/json, application/problem+json");
  headers.set("Accept-Language", lang.value);
  const key = keptKey();
  if (key) headers.set("X-API-Key", key);
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers });
  } catch (failure) {
    if (failure instanceof DOMException && failure.name === "AbortError") throw failure;
    throw new Problem(0, "unreachable", said("error.unreachable"));
  }
  const body: unknown = await response.json().catch(() => null);
  init.signal?.throwIfAborted();
  if (!response.ok) throw problemOf(response.status, body);
  if (body === null) throw new Problem(response.status, "not_json", said("error.unexpected", response.status));
  return body as T;
}

interface ProblemBody {
  title?: string;
  code?: string;
  detail?: unknown;
  detail_zh?: string;
  where?: Geometry;
  errors?: { detail?: string; detail_zh?: string }[];
}

function problemOf(status: number, body: unknown): Problem {
  const problem = (body ?? {}) as ProblemBody;
  const english = typeof problem.detail === "string" ? problem.detail : problem.title;
  const unknown = said("error.unexpected", status);
  const text = english || problem.detail_zh ? both(english, problem.detail_zh) : unknown;
  const more = (problem.errors ?? []).map((error) => both(error.detail, error.detail_zh));
  const fresh = more.filter((sentence) => sentence.en && sentence.en !== text.en);
  return new Problem(status, problem.code ?? `http_${status}`, text, fresh, problem.where ?? null);
}

function both(english: string | undefined, chinese: string | undefined): Both {
  return { en: english || chinese || "", zh: chinese || english || "" };
}

function said(key: "error.unreachable" | "error.unexpected", status = 0): Both {
  return { en: en[key].replace("{status}", String(status)), zh: zh[key].replace("{status}", String(status)) };
}
