// Makes a client of a contract as it stands, with the vendor's own server in it, and calls operations by their names.
// node openapi_client.cjs '{"headers": {…}, "calls": [[OPERATION, PARAMETERS, BODY], …], "server": INDEX}' < contract.json
const { OpenAPIClientAxios } = require("openapi-client-axios");
const { readFileSync } = require("node:fs");

const { headers, calls, server } = JSON.parse(process.argv[2]);
const definition = JSON.parse(readFileSync(0, "utf8"));

(async () => {
  const axiosConfigDefaults = { headers, validateStatus: () => true };
  const client = await new OpenAPIClientAxios({ definition, axiosConfigDefaults, withServer: server }).init();
  for (const [operation, parameters, body] of calls) {
    const { status, data } = await client[operation](parameters, body);
    console.log(JSON.stringify([status, data]));
  }
})();
