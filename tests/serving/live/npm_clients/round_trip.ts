// A program that is written against the description of the service: what it sends and reads is
// checked by the compiler, and then done. Arguments: the address of the service, and a key.
import createClient from "openapi-fetch";
import type { components, paths } from "./description";

declare const process: { argv: string[]; exit(code: number): never };

const [address, key] = process.argv.slice(2);
const rung = createClient<paths>({ baseUrl: address, headers: { Authorization: `Bearer ${key}` } });

function taken<Answer>(told: { data?: Answer; error?: unknown }): Answer {
  if (told.data === undefined) throw new Error(JSON.stringify(told.error));
  return told.data;
}

const event: components["schemas"]["EventRequest"] = {
  message_id: "typed-1",
  lead_id: "Zoë ☂",
  name: "video_progress",
  occurred_at: new Date().toISOString(),
  properties: { watched_fraction: 0.9 },
};
const kept = taken(await rung.POST("/v1/events", { body: { events: [event] } }));
const lead = { params: { path: { lead_id: event.lead_id } } };
const score = taken(await rung.GET("/v1/leads/{lead_id}/score", lead));
const queue = taken(await rung.GET("/v1/queue", { params: { query: { limit: 5 } } }));
const asked = { lead_id: event.lead_id, decision_id: "typed-decision" };
const advice = taken(await rung.POST("/v1/recommendations", { body: asked }));
const wrong = await rung.GET("/v1/queue", { params: { query: { order: "luck" as "work" } } });

console.log(
  JSON.stringify({
    accepted: kept.accepted,
    probability: score.status === "ok" ? score.probability : null,
    queued: queue.data.length,
    decision: "decision_id" in advice ? advice.decision_id : null,
    pointer: wrong.error?.errors?.[0]?.pointer,
  }),
);
