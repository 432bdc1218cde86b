// Search everywhere: a name, pinyin, a code or coordinates; what is taken is shown on the map and tested there.

import { batch, effect, signal, untracked } from "@preact/signals";
import { Problem, search, type Hit } from "../api";
import { goTo, middle } from "../map";
import { chooseCatalogue, chooseClass, railOpen, testPoint } from "../state";
import { either, t, word } from "../words";

const PAUSE_MS = 150;
const typed = signal("");
const open = signal(false);
const at = signal(0);
const hits = signal<Hit[] | null>(null);
const failed = signal<Problem | null>(null);
let running = new AbortController();

/** Goes to the search, for Ctrl-K. */
export function openSearch(): void {
  railOpen.value = true;
  requestAnimationFrame(() => document.getElementById("search")?.focus());
}

export function Search() {
  const active = open.value && hits.value?.length ? `hit-${at.value}` : undefined;
  return (
    <section class="card search" role="search">
      <input
        id="search"
        data-testid="search"
        role="combobox"
        autocomplete="off"
        maxLength={200}
        aria-label={t("search.label")}
        aria-expanded={open.value}
        aria-controls="hits"
        aria-autocomplete="list"
        {...(active ? { "aria-activedescendant": active } : {})}
        placeholder={t("search.placeholder")}
        value={typed.value}
        onFocus={() => (open.value = typed.value !== "")}
        onBlur={() => (open.value = false)}
        onInput={(event) => (typed.value = event.currentTarget.value)}
        onKeyDown={onKey}
      />
      {open.value && <Hits />}
    </section>
  );
}

function Hits() {
  if (failed.value) return <p class="options wrong">{either(failed.value.text)}</p>;
  if (hits.value === null) return <p class="options quiet">{t("search.loading")}</p>;
  if (hits.value.length === 0) {
    return (
      <p class="options quiet" role="status">
        {t("search.none", { q: typed.value })}
      </p>
    );
  }
  return (
    <ul class="options" id="hits" role="listbox" aria-label={t("search.label")}>
      {hits.value.map((hit, index) => (
        <li
          key={`${hit.kind} ${hit.layer} ${hit.code} ${index}`}
          id={`hit-${index}`}
          role="option"
          aria-selected={index === at.value}
          data-kind={hit.kind}
          data-code={hit.code}
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => take(hit)}
        >
          {hit.name ?? ""} <code>{hit.kind === "place" ? "" : hit.code}</code>
          <span class="small block">
            {[word("found", hit.kind), ...hit.in.slice(-3)].join(" · ")}
            {hit.note && ` · ${either(hit.note)}`}
          </span>
        </li>
      ))}
    </ul>
  );
}

function take(hit: Hit): void {
  open.value = false;
  if (hit.class) {
    const { edition, kind } = hit.class;
    batch(() => {
      chooseCatalogue(edition, kind);
      chooseClass({ edition, kind, code: hit.code });
    });
  }
  if (!hit.point) return;
  goTo(hit.point, hit.bbox);
  testPoint(hit.point);
}

function onKey(event: KeyboardEvent): void {
  const found = hits.value ?? [];
  const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };
  const step = steps[event.key];
  if (event.key === "Escape" && open.value) {
    open.value = false;
    event.preventDefault();
    event.stopPropagation();
  } else if (event.key === "Enter") {
    const hit = found[at.value];
    if (open.value && hit) take(hit);
    else open.value = typed.value !== "";
    event.preventDefault();
  } else if (step !== undefined && found.length > 0) {
    event.preventDefault();
    at.value = Math.max(0, Math.min(found.length - 1, at.value + step));
    requestAnimationFrame(() => document.getElementById(`hit-${at.value}`)?.scrollIntoView({ block: "nearest" }));
  }
}

async function ask(q: string, signal: AbortSignal): Promise<void> {
  try {
    const found = await search(q, middle(), signal);
    batch(() => {
      failed.value = null;
      hits.value = found;
      at.value = 0;
    });
  } catch (failure) {
    if (failure instanceof DOMException) return; // overtaken by the next letter
    if (!(failure instanceof Problem)) throw failure;
    failed.value = failure;
  }
}

/** Asks when nothing was typed for a moment. */
effect(() => {
  const q = typed.value.trim();
  running.abort();
  running = new AbortController();
  const { signal } = running;
  untracked(() => {
    open.value = q !== "";
    hits.value = null;
  });
  if (!q) return;
  const waiting = setTimeout(() => void ask(q, signal), PAUSE_MS);
  return () => clearTimeout(waiting);
});
