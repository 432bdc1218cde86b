// A failure in words, with its stable code, and a way on.

import type { Problem } from "../api";
import { keyWanted, retry } from "../state";
import { either, t } from "../words";

export function Failure({ problem }: { problem: Problem }) {
  if (problem.wantsKey && keyWanted.value) {
    // The form for the key stands above and says what to do.
    return (
      <p class="quiet" data-testid="error">
        {either(problem.text)} <code>{problem.code}</code>
      </p>
    );
  }
  return (
    <div class="failure" role="alert" data-testid="error">
      <p>
        <strong>{t("error.title")}</strong>
        <code>{problem.code}</code>
      </p>
      <p>{either(problem.text)}</p>
      {problem.more.length > 0 && (
        <ul>
          {problem.more.map((sentence) => (
            <li key={sentence.en}>{either(sentence)}</li>
          ))}
        </ul>
      )}
      <button type="button" onClick={retry}>
        {t("error.retry")}
      </button>
    </div>
  );
}
