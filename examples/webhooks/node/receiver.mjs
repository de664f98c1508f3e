#!/usr/bin/env node
/**
 * A webhook of Waybill's: checks who sends, keeps each event once, and answers when it is kept. Node 20, nothing to install.
 *
 *     WEBHOOK_SECRET=whsec_... node receiver.mjs
 *
 * Listens on 127.0.0.1:9000; a proxy in front of it speaks TLS to the internet. Events are lines of JSON in events.jsonl, for one
 * process at a time to write and for any other to read.
 *
 * Waybill may send an event twice and in any order (docs/notifications.md). So a `webhook-id` that is in the file is not written
 * again, and the 2xx comes only after the line is on the disk, since after it Waybill sends the event no more. Whatever takes long
 * is for a worker that follows the file: Waybill waits for 15 seconds.
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';

const MOST_BYTES = 256 * 1024;
const TOLERANCE_SECONDS = 5 * 60;

/** Whether somebody who has the key sent this body just now (Standard Webhooks 1.0). */
function isSigned(key, headers, body) {
  const sentAt = headers['webhook-timestamp'] ?? '';
  // An old request is somebody's who has recorded it.
  if (!/^\d+$/.test(sentAt) || Math.abs(Date.now() / 1000 - Number(sentAt)) > TOLERANCE_SECONDS) {
    return false;
  }
  const hmac = createHmac('sha256', key).update(`${headers['webhook-id'] ?? ''}.${sentAt}.`).update(body);
  const wanted = Buffer.from(`v1,${hmac.digest('base64')}`);
  // While a secret is rotated there are two; others are of kinds (v1a) that this key cannot check. The comparison takes equally
  // long whatever is wrong, so that nobody finds a signature letter by letter; all that it tells is the length.
  return (headers['webhook-signature'] ?? '').split(' ').some((each) => {
    const given = Buffer.from(each);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  });
}

/** The file of events, and the ids that are in it: 30 days of them are enough, since Waybill itself keeps no more. */
class Journal {
  #file;
  #size;
  #kept = new Map(); // from an id to the writing of its line
  #last = Promise.resolve();

  static async open(path) {
    const journal = new Journal();
    journal.#file = await open(path, 'a+');
    const text = await journal.#file.readFile('utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    // A line without an end was being written when the machine stopped. It was not answered, so it comes again.
    journal.#size = Buffer.byteLength(whole);
    await journal.#file.truncate(journal.#size);
    for (const line of whole.split('\n').slice(0, -1)) {
      journal.#kept.set(JSON.parse(line).id);
    }
    return journal;
  }

  /** Keep an event; false if it was there. Two requests with one event at the same time wait for the same line. */
  async take(event) {
    if (this.#kept.has(event.id)) {
      await this.#kept.get(event.id);
      return false;
    }
    const write = this.#append(`${JSON.stringify(event)}\n`);
    this.#kept.set(event.id, write);
    try {
      await write;
    } catch (error) {
      this.#kept.delete(event.id);
      throw error;
    }
    return true;
  }

  /** One line after the other, each on the disk before its promise is kept. */
  #append(line) {
    const write = this.#last.then(async () => {
      try {
        await this.#file.appendFile(line);
        await this.#file.datasync();
        this.#size += Buffer.byteLength(line);
      } catch (error) {
        await this.#file.truncate(this.#size); // half a line would spoil the next one
        throw error;
      }
    });
    this.#last = write.catch(() => {});
    return write;
  }

  close() {
    return this.#file.close();
  }
}

/** The body as it came (parsed and written again it may be another), or undefined if it is too long. */
async function bodyOf(request) {
  if (Number(request.headers['content-length'] ?? 0) > MOST_BYTES) {
    return undefined;
  }
  const chunks = [];
  let length = 0;
  // Left early, the loop would otherwise close the connection, and nobody would read why.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    length += chunk.length;
    if (length > MOST_BYTES) {
      return undefined;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The status that tells Waybill whether to send it again: a 2xx that it need not. */
async function receive(request, key, journal) {
  if (request.method !== 'POST') {
    return 405;
  }
  const body = await bodyOf(request);
  if (!body) {
    return 413;
  }
  if (!isSigned(key, request.headers, body)) {
    return 401;
  }
  const event = JSON.parse(body);
  try {
    if (await journal.take({ ...event, id: request.headers['webhook-id'] })) {
      console.log(event.type, request.headers['webhook-id']);
    }
  } catch (error) {
    console.error(`${request.headers['webhook-id']} is not kept: ${error.message}`);
    return 503; // a full disk: Waybill comes again
  }
  return 204;
}

const secret = process.env.WEBHOOK_SECRET ?? '';
const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
if (!secret.startsWith('whsec_') || key.length === 0) {
  console.error('WEBHOOK_SECRET is not the secret that POST /v1/webhooks showed: whsec_...');
  process.exit(2);
}

const journal = await Journal.open(process.env.WEBHOOK_STORE ?? 'events.jsonl');
const server = createServer((request, response) => {
  receive(request, key, journal).then(
    // A connection to a request: what is left of a body that nobody reads ends with it, and nothing idle is waited for at the end.
    (status) => response.writeHead(status, { connection: 'close' }).end(),
    (error) => {
      console.error(error.message); // the client went away, or what it signed is no JSON
      response.writeHead(400, { connection: 'close' }).end();
    },
  );
});
server.requestTimeout = 10_000;
server.listen(Number(process.env.WEBHOOK_PORT ?? 9000), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
for (const name of ['SIGTERM', 'SIGINT']) {
  // No new requests; those that are at work are answered first, and who sends no more of its own is not waited for.
  process.once(name, () => {
    server.close(() => journal.close());
    setTimeout(() => server.closeAllConnections(), 10_000).unref();
  });
}
