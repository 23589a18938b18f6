// Tells a service of events with other clients that node programs use.
// Arguments: the client, the address of the service, the key, how many events, when the first
// happened, in milliseconds since the epoch. They are a second apart, of 50 people.
"use strict";

const [client, host, key, count, first] = process.argv.slice(2);
const person = (number) => `${client}-${number % 50}`;
const at = (number) => new Date(Number(first) + 1000 * number);
const word = "Zoë ☂ 𝄞";

async function segmentLike(analytics, end) {
  for (let number = 0; number < Number(count); number += 1) {
    const who = { userId: person(number), timestamp: at(number) };
    if (number % 3 === 0) analytics.track({ ...who, event: "Demo Requested", properties: { number, word } });
    if (number % 3 === 1) analytics.identify({ ...who, traits: { number, word } });
    if (number % 3 === 2) analytics.page({ ...who, name: "Pricing", properties: { number, word } });
    if (number % 100 === 99) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await end();
}

const flushed = (analytics) =>
  new Promise((resolve, reject) => analytics.flush((error) => (error ? reject(error) : resolve())));

const clients = {
  "rudder-node": () => {
    const Rudder = require("@rudderstack/rudder-sdk-node");
    const analytics = new Rudder(key, { dataPlaneUrl: host, flushAt: 50 });
    return segmentLike(analytics, () => flushed(analytics));
  },
  "analytics-node": () => {
    const Analytics = require("analytics-node");
    const analytics = new Analytics(key, { host, flushAt: 50 });
    return segmentLike(analytics, () => flushed(analytics));
  },
  "customerio-node": () => {
    const { Analytics } = require("@customerio/cdp-analytics-node");
    const analytics = new Analytics({ writeKey: key, host, maxEventsInBatch: 50 });
    analytics.on("error", (error) => console.error("error", JSON.stringify(error)));
    return segmentLike(analytics, () => analytics.closeAndFlush({ timeout: 60000 }));
  },
  "posthog-node": async () => {
    const { PostHog } = require("posthog-node");
    const posthog = new PostHog(key, { host, flushAt: 50, fetchRetryCount: 100, fetchRetryDelay: 500 });
    posthog.on("error", (error) => console.error("error", String(error)));
    for (let number = 0; number < Number(count); number += 1) {
      const who = { distinctId: person(number), timestamp: at(number) };
      if (number % 3 === 0) posthog.capture({ ...who, event: "Demo Requested", properties: { number, word } });
      if (number % 3 === 1) posthog.capture({ ...who, event: "$set", properties: { $set: { number, word } } });
      if (number % 3 === 2) {
        posthog.capture({ ...who, event: "$pageview", properties: { number, word, $current_url: "https://x.io/" } });
      }
    }
    await posthog.shutdown(60000);
  },
  "cloudevents-js": async () => {
    const { CloudEvent, HTTP } = require("cloudevents");
    for (let number = 0; number < Number(count); number += 1) {
      const event = new CloudEvent({
        id: `js ${number}`, source: "/shop", type: "Demo Requested", subject: person(number),
        time: at(number).toISOString(), partner: "ünïcode", data: { number, word },
      });
      const { headers, body } = number % 2 ? HTTP.binary(event) : HTTP.structured(event);
      // fetch wants bytes in headers: as node's own http sends them
      const sent = Object.fromEntries(Object.entries(headers).map(([name, value]) =>
        [name, Buffer.from(String(value)).toString("latin1")]));
      const answer = await fetch(`${host}/v1/cloudevents`, {
        method: "POST", body, headers: { ...sent, authorization: `Bearer ${key}` },
      });
      if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    }
  },
};

clients[client]().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
