// Where the point is: unit, divisions, areas, and how far the nearest boundary is.

import type { Area, Place } from "../api";
import { areaTitle, routing } from "../state";
import { distance, either, t, word } from "../words";

export function PlaceFacts({ place }: { place: Place }) {
  const component = routing.value.state === "done" ? routing.value.value.component : null;
  const flags = routing.value.state === "done" ? [] : place.flags;
  return (
    <section>
      <h3>{t("place.title")}</h3>
      <dl>
        {place.place && <dt>{t("place.words")}</dt>}
        {place.place && <dd data-testid="words">{either(place.place)}</dd>}
        <dt>{t("place.unit")}</dt>
        <dd data-testid="unit">{place.unit ? <code class="unit">{place.unit}</code> : t("place.no_unit")}</dd>
        {Object.entries(place.divisions).map(
          ([level, division]) =>
            division && (
              <>
                <dt>{word("level", level)}</dt>
                <dd>
                  {division.name} <code>{division.code}</code>
                </dd>
              </>
            ),
        )}
        <dt>{t("place.boundary")}</dt>
        <dd>{place.boundary_distance_m == null ? t("place.boundary_far") : distance(place.boundary_distance_m)}</dd>
        {component && <dt>{t("place.component")}</dt>}
        {component && (
          <dd>
            <code>{component.code}</code> {component.distance_m != null && distance(component.distance_m)}
          </dd>
        )}
      </dl>
      {flags.length > 0 && (
        <p class="chips">
          {flags.map((flag) => (
            <span class="chip" key={flag}>
              {word("flag", flag)}
            </span>
          ))}
        </p>
      )}
      <Areas place={place} />
    </section>
  );
}

function Areas({ place }: { place: Place }) {
  const held = Object.entries(place.areas).filter(([, areas]) => areas.length > 0);
  return (
    <>
      <h3 class="again">{t("place.areas")}</h3>
      {held.length === 0 && <p class="quiet">{t("place.no_areas")}</p>}
      <dl>
        {held.map(([layer, areas]) => (
          <>
            <dt>{areaTitle(layer)}</dt>
            <dd>
              {areas.map((area) => (
                <span class="block" key={area.code}>
                  {area.name} <code>{area.code}</code>
                  <span class="quiet small block">{departmentOf(area, place)}</span>
                </span>
              ))}
            </dd>
          </>
        ))}
      </dl>
    </>
  );
}

/** The department's name, when the answer gives one for the code. */
function departmentOf({ department }: Area, place: Place): string {
  if (!department) return "";
  if (typeof department !== "string") return department.name ?? department.code;
  return place.departments?.find(({ code }) => code === department)?.name ?? department;
}
