// The page: the map below, panels on top; and the keys that work everywhere.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { startMap } from "./map";
import { Chooser, openClassSearch } from "./panels/chooser";
import { Drawer } from "./panels/drawer";
import { KeyForm } from "./panels/key";
import { LayerList } from "./panels/layers";
import { openSearch, Search } from "./panels/search";
import { Strip } from "./panels/strip";
import { ZoomButtons } from "./panels/zoom";
import { closeResult, railOpen, setLang } from "./state";
import { lang, t } from "./words";

const mapFailed = signal(false);

export function App() {
  const holder = useRef<HTMLDivElement>(null);
  useEffect(() => {
    try {
      startMap(holder.current!);
    } catch {
      mapFailed.value = true;
    }
    addEventListener("keydown", onKey);
  }, []);
  useEffect(() => {
    document.title = `${t("app.title")} · Wangge`;
  }, [lang.value]);
  return (
    <>
      <main class="map">
        <div class="canvas" ref={holder} />
        {mapFailed.value && <p class="no-map">{t("map.no_webgl")}</p>}
      </main>
      <div class="rail">
        <Head />
        {railOpen.value && (
          <div class="rail-body">
            <KeyForm />
            <Search />
            <Chooser />
            <LayerList />
          </div>
        )}
      </div>
      <ZoomButtons />
      <Drawer />
      <Strip />
    </>
  );
}

function Head() {
  const other = lang.value === "zh" ? "en" : "zh";
  return (
    <header class="head">
      <button
        type="button"
        class="icon-button menu"
        aria-expanded={railOpen.value}
        aria-label={t("app.menu")}
        title={t("app.menu")}
        onClick={() => (railOpen.value = !railOpen.value)}
      >
        <span class="bars" aria-hidden="true" />
      </button>
      <h1>
        {t("app.name")}
        {lang.value === "zh" && <span class="quiet latin"> Wangge</span>}
      </h1>
      <button
        type="button"
        class="lang"
        data-testid="lang"
        lang={other === "zh" ? "zh-Hans" : "en"}
        onClick={() => setLang(other)}
      >
        {t("app.other_language")}
      </button>
    </header>
  );
}

/** Ctrl-K goes to the search; Esc closes the result; T goes to the class chooser, unless a letter is being typed. */
function onKey(event: KeyboardEvent): void {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openSearch();
    return;
  }
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") closeResult();
  const typing = event.target instanceof HTMLElement && event.target.matches("input, select, textarea");
  if (!typing && event.key.toLowerCase() === "t") {
    event.preventDefault();
    openClassSearch();
  }
}
