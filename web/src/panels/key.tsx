// The field for an access key, shown only when the server asked for one, or to forget the one in use.

import { signal } from "@preact/signals";
import { key, keyWanted, useKey } from "../state";
import { t } from "../words";

const typed = signal("");

export function KeyForm() {
  if (!keyWanted.value) {
    if (!key.value) return null;
    return (
      <p class="key-kept">
        <span class="quiet">{t("key.label")} ••••</span>
        <button type="button" class="link" onClick={() => useKey("")}>
          {t("key.forget")}
        </button>
      </p>
    );
  }
  return (
    <form
      class="card key"
      data-testid="key"
      onSubmit={(event) => {
        event.preventDefault();
        useKey(typed.value.trim());
        typed.value = "";
      }}
    >
      <p>{key.value ? t("key.wrong") : t("key.why")}</p>
      <label for="key">{t("key.label")}</label>
      <div class="together">
        <input
          id="key"
          type="password"
          autocomplete="off"
          required
          value={typed.value}
          onInput={(event) => (typed.value = event.currentTarget.value)}
        />
        <button type="submit" class="main">
          {t("key.use")}
        </button>
      </div>
      <p class="quiet small">{t("key.kept")}</p>
    </form>
  );
}
