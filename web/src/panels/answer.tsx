// Who gets the case, what to make of it, and why.

import type { Alternative, Basis, Routing, Rule, Target } from "../api";
import { areaTitle } from "../state";
import { distance, either, help, t, word } from "../words";

/** What a dispatcher reads first. */
export function Answer({ routing }: { routing: Routing }) {
  return (
    <>
      <Verdict routing={routing} />
      {routing.flags.length > 0 && <Flags flags={routing.flags} />}
      <section>
        <h3>{t("answer.because")}</h3>
        <ol class="because" data-testid="because">
          {routing.because.map((reason, index) => (
            <li key={index} data-code={reason.code}>
              {either(reason)}
            </li>
          ))}
        </ol>
      </section>
    </>
  );
}

/** What is asked when the answer is doubted. */
export function Grounds({ routing }: { routing: Routing }) {
  return (
    <>
      <RuleFacts routing={routing} />
      <Alternatives alternatives={routing.alternatives} />
    </>
  );
}

function Verdict({ routing: { advice, department } }: { routing: Routing }) {
  const above = (department?.path ?? []).map((each) => each.name ?? each.code);
  return (
    <section class={`verdict ${advice}`}>
      <p class="advice">
        <span class="badge" data-testid="advice" data-advice={advice}>
          {word("advice", advice)}
        </span>
        <span class="quiet small">{help("advice", advice)}</span>
      </p>
      <div data-testid="department">
        {above.length > 0 && <p class="path quiet">{above.join(" › ")}</p>}
        <p class="department">{department ? (department.name ?? department.code) : t("answer.no_department")}</p>
        {department && <code>{department.code}</code>}
      </div>
    </section>
  );
}

function Flags({ flags }: { flags: string[] }) {
  return (
    <section>
      <h3>{t("answer.flags")}</h3>
      <ul class="flags" data-testid="flags">
        {flags.map((flag) => (
          <li key={flag} data-flag={flag}>
            <span class="chip">{word("flag", flag)}</span>
            <span class="quiet small">{help("flag", flag)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function RuleFacts({ routing }: { routing: Routing }) {
  const { rule, area, target, basis, time_limit: limit, supervisor } = routing;
  return (
    <section>
      <h3>{t("answer.rule")}</h3>
      <dl>
        <dt>{t("answer.rule_name")}</dt>
        <dd>{rule ? <RuleCode rule={rule} /> : t("answer.no_rule")}</dd>
        {target && <dt>{t("answer.target")}</dt>}
        {target && <dd>{targetWords(target)}</dd>}
        {area && <dt>{t("answer.area")}</dt>}
        {area && (
          <dd>
            {area.name} <code>{area.code}</code>
          </dd>
        )}
        {rule && <dt>{t("answer.basis")}</dt>}
        {rule && <dd>{basis ? <BasisText basis={basis} /> : <span class="quiet">{t("answer.no_basis")}</span>}</dd>}
        {limit && <dt>{t("answer.time_limit")}</dt>}
        {limit && <dd>{limit}</dd>}
        {supervisor && <dt>{t("answer.supervisor")}</dt>}
        {supervisor && (
          <dd>
            {supervisor.name} <code>{supervisor.code}</code>
          </dd>
        )}
      </dl>
    </section>
  );
}

function BasisText({ basis: { text, document, number, date, url } }: { basis: Basis }) {
  const source = [document, number, date].filter(Boolean).join(" · ");
  return (
    <>
      {text && <span class="basis">{text}</span>}
      {source && <span class="quiet small block">{source}</span>}
      {url && /^https?:/i.test(url) && (
        <a class="block small" href={url} target="_blank" rel="noreferrer">
          {t("answer.basis_link")}
        </a>
      )}
    </>
  );
}

function Alternatives({ alternatives }: { alternatives: Alternative[] }) {
  return (
    <section>
      <h3>{t("answer.alternatives")}</h3>
      {alternatives.length === 0 && <p class="quiet">{t("answer.no_alternatives")}</p>}
      <ol class="alternatives" data-testid="alternatives">
        {alternatives.map(({ department, rule, distance_m, why }, index) => (
          <li key={index}>
            <span class="alternative">
              <span>{department.name ?? department.code}</span>
              {distance_m != null && <span class="quiet">{t("answer.away", { d: distance(distance_m) })}</span>}
            </span>
            <span class="quiet small">
              {why && word("why", why)} {rule && <code>{rule.code}</code>}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function RuleCode({ rule: { owner, code } }: { rule: Rule }) {
  return (
    <>
      <code class="strong">{code}</code>
      {owner && <span class="quiet small block">{t("answer.rule_owner", { owner })}</span>}
    </>
  );
}

function targetWords({ kind, value }: Target): string {
  if (kind === "area") return t("target.area", { layer: areaTitle(value) });
  if (kind === "division") return t("target.division", { level: word("level", value) });
  return kind === "component" ? word("target", value) : t("target.department");
}
