// The result of a tested point. The live region beside it says the answer in one sentence to a screen reader.

import { locateAddress } from "../api";
import { accuracy, chosen, closeResult, place, point, routing } from "../state";
import { coordinates, t, word } from "../words";
import { Answer, Grounds } from "./answer";
import { openClassSearch } from "./chooser";
import { Failure } from "./failure";
import { PlaceFacts } from "./place";

export function Drawer() {
  return (
    <>
      <p class="unseen" role="status" aria-live="polite">
        {said()}
      </p>
      {point.value && (
        <aside class="drawer" aria-label={t("drawer.title")} data-testid="drawer">
          <header class="drawer-head">
            <div>
              <h2>{t("drawer.title")}</h2>
              <p class="mono quiet">{coordinates(point.value)}</p>
            </div>
            <button
              type="button"
              class="icon-button"
              aria-label={t("drawer.close")}
              title={t("drawer.close")}
              onClick={closeResult}
            >
              <span aria-hidden="true">×</span>
            </button>
          </header>
          <div class="drawer-body">
            <Routed />
            <Placed />
            {routing.value.state === "done" && <Grounds routing={routing.value.value} />}
            <Foot />
          </div>
        </aside>
      )}
    </>
  );
}

function Routed() {
  const known = routing.value;
  if (!chosen.value) {
    return (
      <div class="invite">
        <p>{t("drawer.choose_class")}</p>
        <button type="button" class="main" onClick={openClassSearch}>
          {t("drawer.choose_button")}
        </button>
      </div>
    );
  }
  if (known.state === "failed") {
    // Both questions fail alike when the server is away or the point is no point: say it once.
    const same = place.value.state === "failed" && place.value.problem.code === known.problem.code;
    return same ? null : <Failure problem={known.problem} />;
  }
  return known.state === "done" ? <Answer routing={known.value} /> : <Waiting />;
}

function Placed() {
  const known = place.value;
  if (known.state === "failed") return <Failure problem={known.problem} />;
  if (known.state === "done") return <PlaceFacts place={known.value} />;
  return chosen.value ? null : <Waiting />;
}

function Waiting() {
  return (
    <div class="waiting" data-testid="loading">
      <p class="quiet">{t("drawer.loading")}</p>
      <span class="bone wide" />
      <span class="bone" />
      <span class="bone narrow" />
    </div>
  );
}

function Foot() {
  if (place.value.state !== "done" || !point.value) return null;
  const revision = routing.value.state === "done" ? routing.value.value.revision : place.value.value.revision;
  return (
    <footer class="drawer-foot">
      <span>{t("drawer.revision", { n: revision })}</span>
      <a href={locateAddress(point.value, accuracy.value)} target="_blank" rel="noreferrer">
        {t("drawer.json")}
      </a>
    </footer>
  );
}

function said(): string {
  if (!point.value) return "";
  if (routing.value.state === "loading" || place.value.state === "loading") return t("drawer.loading");
  if (routing.value.state === "done") {
    const { advice, department } = routing.value.value;
    const name = department?.name ?? department?.code ?? t("answer.no_department");
    return t("drawer.said", { advice: word("advice", advice), department: name });
  }
  if (place.value.state !== "done") return "";
  const unit = place.value.value.unit;
  return unit ? t("drawer.said_place", { unit }) : t("place.no_unit");
}
