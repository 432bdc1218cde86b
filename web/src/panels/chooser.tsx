// What is tested: edition, kind, class, how exact the position is, and the position itself for those who have it in figures.

import { signal } from "@preact/signals";
import { readPoint } from "../address";
import { accuracy, catalogue, chooseCatalogue, edition, kind, railOpen, setAccuracy, testPoint } from "../state";
import { t } from "../words";
import { ClassSearch } from "./class_search";
import { Failure } from "./failure";

const STANDARDS: Record<string, string> = { "2026": "GB/T 47678.5-2026", "2013": "GB/T 30428.2-2013" };
const badCoordinates = signal(false);

/** Goes to the class search, for the key T and for a result that lacks a class. */
export function openClassSearch(): void {
  railOpen.value = true;
  requestAnimationFrame(() => document.getElementById("class")?.focus());
}

export function Chooser() {
  return (
    <section class="card" aria-labelledby="test-title">
      <h2 id="test-title">{t("test.title")}</h2>
      <p class="quiet small">{t("test.lead")}</p>
      {catalogue.value.state === "failed" ? (
        <Failure problem={catalogue.value.problem} />
      ) : (
        <>
          <Edition />
          <KindSwitch />
          <ClassSearch />
        </>
      )}
      <Accuracy />
      <Coordinates />
    </section>
  );
}

function Edition() {
  const known = catalogue.value.state === "done" ? catalogue.value.value.map((cls) => cls.edition) : [];
  // Those of the standards first, the newest on top; then the owners' own.
  const own = [edition.value, ...known].filter((id) => !(id in STANDARDS)).sort();
  const editions = new Set(["2026", "2013", ...own]);
  return (
    <label class="field beside">
      {t("test.edition")}
      <select value={edition.value} onChange={(event) => chooseCatalogue(event.currentTarget.value, kind.value)}>
        {[...editions].map((id) => (
          <option key={id} value={id} selected={id === edition.value}>
            {STANDARDS[id] ?? id}
          </option>
        ))}
      </select>
    </label>
  );
}

function KindSwitch() {
  return (
    <fieldset class="field beside" aria-labelledby="kind-title">
      <span id="kind-title">{t("test.kind")}</span>
      <div class="switch">
        {(["component", "matter"] as const).map((each) => (
          <label key={each} class={kind.value === each ? "on" : ""}>
            <input
              type="radio"
              name="kind"
              checked={kind.value === each}
              onChange={() => chooseCatalogue(edition.value, each)}
            />
            {t(`kind.${each}`)}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function Accuracy() {
  return (
    <label class="field beside">
      {t("test.accuracy")}
      <span class="measure">
        ±
        <input
          type="number"
          min="0"
          max="10000"
          step="any"
          inputMode="decimal"
          value={accuracy.value}
          onChange={(event) => {
            const metres = event.currentTarget.valueAsNumber;
            if (metres >= 0 && metres <= 10_000) setAccuracy(metres);
            else event.currentTarget.value = String(accuracy.value);
          }}
        />
        {t("test.metres")}
      </span>
    </label>
  );
}

function Coordinates() {
  const go = (event: SubmitEvent) => {
    event.preventDefault();
    const field = document.getElementById("coordinates") as HTMLInputElement;
    const at = readPoint(field.value);
    badCoordinates.value = at === null;
    if (at) testPoint(at);
  };
  return (
    <form class="field" onSubmit={go} noValidate>
      <label for="coordinates">{t("test.coordinates")}</label>
      <div class="together">
        <input
          id="coordinates"
          class="mono"
          autocomplete="off"
          placeholder={t("test.coordinates_placeholder")}
          aria-invalid={badCoordinates.value}
          aria-describedby="coordinates-help"
        />
        <button type="submit">{t("test.coordinates_go")}</button>
      </div>
      <p id="coordinates-help" class="wrong" aria-live="polite">
        {badCoordinates.value && t("test.coordinates_bad")}
      </p>
    </form>
  );
}
