// How a word, a name, a number or a distance is said in the language of the page.

import { signal } from "@preact/signals";
import { en, zh, type Lang, type Words } from "./i18n";

export type Key = keyof Words;
export type Both = { zh: string; en: string };

const dictionaries: Record<Lang, Words> = { zh, en };

export const lang = signal<Lang>("zh");

export function t(key: Key, values: Record<string, string | number> = {}): string {
  return dictionaries[lang.value][key].replace(/\{(\w+)\}/g, (hole, name: string) => String(values[name] ?? hole));
}

/** The word for a code that the server may extend (a flag, a level): the code itself when there is no word yet. */
export function word(family: string, code: string): string {
  const words: Record<string, string> = dictionaries[lang.value];
  return words[`${family}.${code}`] ?? code;
}

/** The sentence that explains a code, or nothing. */
export function help(family: string, code: string): string {
  const words: Record<string, string> = dictionaries[lang.value];
  return words[`${family}.${code}.help`] ?? "";
}

/** A text given in both languages; a missing one is replaced by the other. */
export function either(text: Partial<Both>): string {
  return (lang.value === "zh" ? text.zh || text.en : text.en || text.zh) ?? "";
}

export function number(value: number, digits = 0): string {
  const locale = lang.value === "zh" ? "zh-CN" : "en-GB";
  return new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(value);
}

/** Metres with one decimal below 100, whole metres below 1,000, then kilometres. */
export function distance(metres: number): string {
  if (metres >= 1000) return t("unit.km", { n: number(metres / 1000, 2) });
  return t("unit.m", { n: number(metres, metres < 100 ? 1 : 0) });
}

/** Six decimals of a degree are 0.1 m: what a click on the map can mean at best. */
export function coordinates([lon, lat]: readonly [number, number]): string {
  return `${lon.toFixed(6)}, ${lat.toFixed(6)}`;
}
