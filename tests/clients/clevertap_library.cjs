// Calls CleverTap's published library as its README shows it, and prints what each call gave.
// node clevertap_library.cjs '{"account": [ID, PASSCODE, REGION], "calls": [[METHOD, ARGUMENT, …], …]}'
const CleverTap = require("clevertap");

const { account, calls } = JSON.parse(process.argv[2]);
const clevertap = CleverTap.init(...account);

(async () => {
  for (const [method, ...given] of calls) {
    const result = await clevertap[method](...given).catch((error) => ({ rejected: String(error) }));
    console.log(JSON.stringify(result));
  }
})();
