// Tells a service of events with the client that node programs use, and prints each that it sent.
// Arguments: the address of the service, the key, how many events.
"use strict";

const { Analytics } = require("@segment/analytics-node");

const [host, writeKey, count] = process.argv.slice(2);
const analytics = new Analytics({ host, writeKey });
const kinds = ["track", "identify", "page", "screen", "group", "alias"];

function call(number) {
  const who = { userId: `node-${number % 700}` };
  if (number % 5 === 0) who.anonymousId = `node-anonymous-${number % 700}`;
  if (number % 5 === 1) delete who.userId;
  if (number % 5 === 1) who.anonymousId = `node-visitor-${number % 700}`;
  const said = { number, word: "Zoë ☂ 𝄞", nested: { list: [1, 2.5, null, true] } };
  return {
    track: { ...who, event: "Demo Requested", properties: said },
    identify: { ...who, traits: said },
    page: { ...who, category: "Docs", name: "Pricing", properties: said },
    screen: { ...who, name: "Home", properties: said },
    group: { ...who, groupId: `company-${number % 40}`, traits: said },
    alias: { userId: `node-${number % 700}`, previousId: `node-former-${number % 700}` },
  };
}

function told(error, context) {
  if (error) console.error(String(error), JSON.stringify(context && context.event));
  else console.log(JSON.stringify(context.event));
}

analytics.on("error", (error) => console.error("error", JSON.stringify(error), String(error.reason)));
for (let number = 0; number < Number(count); number += 1) {
  const kind = kinds[number % kinds.length];
  analytics[kind](call(number)[kind], told);
}
analytics.closeAndFlush({ timeout: 240000 });
