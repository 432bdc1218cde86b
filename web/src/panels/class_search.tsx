// The searchable class list: a combobox (type, arrows, Enter) over the catalogue of one edition and kind.

import { computed, signal } from "@preact/signals";
import type { CaseClass } from "../api";
import { catalogue, chooseClass, chosen, chosenClass, edition, kind } from "../state";
import { either, number, t } from "../words";

const MOST = 150;
const open = signal(false);
const typed = signal("");
const at = signal(0);

const matches = computed<CaseClass[]>(() => {
  if (catalogue.value.state !== "done") return [];
  const words = typed.value.trim().toLowerCase().split(/\s+/);
  return catalogue.value.value.filter((cls) => {
    if (cls.edition !== edition.value || cls.kind !== kind.value) return false;
    const text = `${cls.code} ${cls.name_zh} ${cls.name_en ?? ""} ${cls.major_name_zh ?? ""}`.toLowerCase();
    return words.every((each) => text.includes(each));
  });
});

export function ClassSearch() {
  const cls = chosen.value;
  const name = chosenClass.value ? nameOf(chosenClass.value) : "";
  const active = open.value && matches.value.length > 0 ? `class-${at.value}` : undefined;
  return (
    <div class="field search">
      <label for="class">
        {t("test.class")} <kbd aria-hidden="true">T</kbd>
      </label>
      <div class="search-box">
        <input
          id="class"
          data-testid="class-search"
          role="combobox"
          autocomplete="off"
          aria-expanded={open.value}
          aria-controls="classes"
          aria-autocomplete="list"
          {...(active ? { "aria-activedescendant": active } : {})}
          placeholder={t("test.class_placeholder")}
          value={open.value ? typed.value : cls ? `${cls.code} ${name}`.trim() : ""}
          onFocus={() => start()}
          onClick={() => start()}
          onBlur={() => (open.value = false)}
          onInput={(event) => {
            typed.value = event.currentTarget.value;
            open.value = true;
            at.value = 0;
          }}
          onKeyDown={onKey}
        />
        {cls && !open.value && (
          <button
            type="button"
            class="icon-button clear"
            aria-label={t("test.class_clear")}
            title={t("test.class_clear")}
            onClick={() => chooseClass(null)}
          >
            <span aria-hidden="true">×</span>
          </button>
        )}
      </div>
      {open.value && <Options />}
    </div>
  );
}

function Options() {
  if (catalogue.value.state !== "done") return <p class="options quiet">{t("test.class_loading")}</p>;
  const found = matches.value;
  if (found.length === 0) {
    const empty = catalogue.value.value.length === 0;
    return (
      <p class="options quiet" role="status">
        {empty ? t("test.class_empty") : t("test.class_none", { q: typed.value })}
      </p>
    );
  }
  return (
    <ul class="options" id="classes" role="listbox" aria-label={t("test.class")}>
      {found.slice(0, MOST).map((cls, index) => (
        <>
          {cls.major_code && cls.major_code !== found[index - 1]?.major_code && (
            <li class="major" role="presentation">
              {majorOf(cls)}
            </li>
          )}
          <li
            id={`class-${index}`}
            role="option"
            aria-selected={index === at.value}
            data-code={cls.code}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => pick(cls)}
          >
            <code>{cls.code}</code> {nameOf(cls)}
          </li>
        </>
      ))}
      {found.length > MOST && (
        <li class="quiet more" role="presentation">
          {t("test.class_more", { n: number(found.length - MOST) })}
        </li>
      )}
    </ul>
  );
}

export function nameOf(cls: CaseClass): string {
  return either({ zh: cls.name_zh, ...(cls.name_en ? { en: cls.name_en } : {}) });
}

function majorOf(cls: CaseClass): string {
  const name = either({ zh: cls.major_name_zh ?? "", ...(cls.major_name_en ? { en: cls.major_name_en } : {}) });
  return `${cls.major_code} ${name}`;
}

function start(): void {
  if (open.value) return;
  typed.value = "";
  open.value = true;
  const now = matches.value.findIndex((cls) => cls.code === chosen.value?.code);
  at.value = now >= 0 && now < MOST ? now : 0;
  showActive();
}

function pick(cls: CaseClass): void {
  open.value = false;
  chooseClass(cls);
}

function onKey(event: KeyboardEvent): void {
  const last = Math.min(matches.value.length, MOST) - 1;
  const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
  const step = steps[event.key];
  if (event.key === "Escape" && open.value) {
    open.value = false;
    event.preventDefault();
    event.stopPropagation();
  } else if (event.key === "Enter") {
    const cls = matches.value[at.value];
    if (open.value && cls) pick(cls);
    else start();
    event.preventDefault();
  } else if (step !== undefined) {
    event.preventDefault();
    if (!open.value) return start();
    at.value = Math.max(0, Math.min(last, at.value + step));
    showActive();
  }
}

function showActive(): void {
  requestAnimationFrame(() => document.getElementById(`class-${at.value}`)?.scrollIntoView({ block: "nearest" }));
}
