// A page that shows one of some articles, and lets clients of Azure Personalizer choose which.
// Arguments: which client, the address of the service, the key, how many visits. Prints a line of
// JSON for each visit, and one with the error that a bad call gives.
"use strict";

const [client, address, key, visits] = process.argv.slice(2);
const actions = ["news", "sport", "art"].map((id) => ({ id, features: [{ kind: id }, { size: 3 }] }));
const slots = [
  { id: "top", baselineAction: "news", features: [{ size: "large" }], excludedActions: ["art"] },
  { id: "side", baselineAction: "sport" },
];

function visitOf(at) {
  const when = at % 2 ? "morning" : "evening";
  return { contextFeatures: [{ timeOfDay: when }], actions, eventId: `${client}-${at}`, deferActivation: true };
}

function tell(told) {
  process.stdout.write(JSON.stringify(told) + "\n");
}

async function one() {
  const { PersonalizerClient } = require("@azure/cognitiveservices-personalizer");
  const { ApiKeyCredentials } = require("@azure/ms-rest-js");
  const credentials = new ApiKeyCredentials({ inHeader: { "Ocp-Apim-Subscription-Key": key } });
  const personalizer = new PersonalizerClient(credentials, address);
  for (let at = 0; at < Number(visits); at++) {
    const ranked = await personalizer.rank(visitOf(at));
    await personalizer.events.activate(ranked.eventId);
    await personalizer.events.reward(ranked.eventId, { value: ranked.rewardActionId === "news" ? 1 : 0 });
    tell({ event: ranked.eventId, chosen: [ranked.rewardActionId], ranking: ranked.ranking });
  }
  try {
    await personalizer.events.reward("nothing", { value: 1 });
  } catch (error) {
    tell({ status: error.statusCode, code: error.body.error.code });
  }
}

async function several() {
  const { default: createClient } = require("@azure-rest/ai-personalizer");
  const personalizer = createClient(address, { key }, { allowInsecureConnection: true });
  for (let at = 0; at < Number(visits); at++) {
    const body = { ...visitOf(at), slots };
    const ranked = await personalizer.path("/multislot/rank").post({ body });
    const { eventId } = ranked.body;
    await personalizer.path("/multislot/events/{eventId}/activate", eventId).post();
    const reward = ranked.body.slots.map((slot) => ({ slotId: slot.id, value: 0.5 }));
    await personalizer.path("/multislot/events/{eventId}/reward", eventId).post({ body: { reward } });
    tell({ event: eventId, chosen: ranked.body.slots.map((slot) => slot.rewardActionId) });
  }
  const configuration = await personalizer.path("/configurations/service").get();
  tell({ wait: configuration.body.rewardWaitTime });
  const wrong = await personalizer.path("/rank").post({ body: { actions: [] } });
  tell({ status: Number(wrong.status), code: wrong.body.error.code });
}

(client === "cognitiveservices" ? one() : several()).catch((error) => {
  console.error(error);
  process.exit(1);
});
