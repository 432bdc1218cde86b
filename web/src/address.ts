// The page as a link: language, tested point, class, accuracy and layers in the query; the view in the hash (MapLibre's).

import type { ClassKey, Point } from "./api";
import type { Lang } from "./i18n";

export const USUAL_ACCURACY = 10;

export interface Address {
  lang: Lang;
  point: Point | null;
  cls: ClassKey | null;
  accuracy: number;
  /** Ids of the layers shown; null leaves the choice to the page. */
  shown: string[] | null;
}

export function readAddress(search: string): Address {
  const query = new URLSearchParams(search);
  const accuracy = Number.parseFloat(query.get("accuracy") ?? "");
  return {
    lang: query.get("lang")?.toLowerCase().startsWith("en") ? "en" : "zh",
    point: readPoint(query.get("point") ?? ""),
    cls: readClass(query.get("class") ?? ""),
    accuracy: accuracy >= 0 ? accuracy : USUAL_ACCURACY,
    shown: query.has("layers") ? (query.get("layers") ?? "").split(",").filter(Boolean) : null,
  };
}

export function writeAddress(address: Address): string {
  const query = new URLSearchParams({ lang: address.lang });
  if (address.point) query.set("point", address.point.map((number) => number.toFixed(6)).join(","));
  if (address.cls) query.set("class", `${address.cls.edition}:${address.cls.kind}:${address.cls.code}`);
  if (address.accuracy !== USUAL_ACCURACY) query.set("accuracy", String(address.accuracy));
  if (address.shown) query.set("layers", address.shown.join(","));
  // These three are allowed in a query as they are, and a link is read by people too.
  return `?${query.toString().replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%2F", "/")}`;
}

/** Longitude and latitude from "lon,lat" as people type or paste it, in Chinese punctuation too; null if it is no such pair. */
export function readPoint(text: string): Point | null {
  const parts = text.trim().split(/[\s,，;；]+/);
  const [lon, lat] = parts.map(Number);
  if (parts.length !== 2 || parts.includes("") || lon === undefined || lat === undefined) return null;
  return Number.isFinite(lon) && Number.isFinite(lat) ? [lon, lat] : null;
}

/** "edition:kind:code"; a bare code is a component of the current edition. */
function readClass(text: string): ClassKey | null {
  const parts = text.split(":");
  const code = parts.pop();
  const kind = parts.pop() === "matter" ? "matter" : "component";
  return code ? { edition: parts.join(":") || "2026", kind, code } : null;
}
