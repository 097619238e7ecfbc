// Lets Segment's published CleverTap destination take events, with the subscriptions that it presets.
// node segment_destination.cjs '{"settings": {…}, "events": [{…}, …]}'
const { Destination } = require("@segment/actions-core");
const clevertap = require("@segment/action-destinations/dist/destinations/clevertap").default;

const { settings, events } = JSON.parse(process.argv[2]);
const subscriptions = clevertap.presets.map((preset) => ({ ...preset, enabled: true }));

(async () => {
  const destination = new Destination(clevertap);
  for (const event of events) {
    let result;
    try {
      result = await destination.onEvent(event, { ...settings, subscriptions });
    } catch (error) {
      result = { error: error.message, status: error.response?.status, data: error.response?.data };
    }
    console.log(JSON.stringify(result));
  }
})();
