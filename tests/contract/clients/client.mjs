// Query a parcel as a customer of the vendor would in Node: JSON.stringify, compact, in plain UTF-8.

import { createHash } from "node:crypto";

const [url, customer, key, com, num, phone, from, to] = process.argv.slice(2);

const param = JSON.stringify({ com, num, phone, from, to, resultv2: "4", show: "0", order: "desc" });
const sign = createHash("md5").update(param + key + customer, "utf8").digest("hex").toUpperCase();

const response = await fetch(url, {
  method: "POST",
  body: new URLSearchParams({ customer, sign, param }),
});
console.log(await response.text());
