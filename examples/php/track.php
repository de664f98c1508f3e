#!/usr/bin/env php
<?php

/**
 * Where is a parcel? Asks Waybill's POST /v1/track and prints the status, then what happened, newest first.
 *
 *     export WAYBILL_URL=http://127.0.0.1:8080 WAYBILL_TOKEN=...
 *     php track.php yuantong YT7450353838751
 *     WAYBILL_PHONE=13800008000 php track.php shunfeng SF7444700499701
 *
 * The phone that some couriers demand and the token come from the environment: whatever stands on a command line, every user of the
 * machine can read. PHP's own streams are enough for one request, so no extension is needed.
 *
 * Exit codes: 0 shown, 2 called wrongly, 3 refused, 4 the token is not accepted, 5 not available now: come back later.
 */

declare(strict_types=1);

const TRIES = 4;
const FIRST_WAIT_SECONDS = 0.5;
const LONGEST_WAIT_SECONDS = 30; // nobody sits before a command for longer
const USAGE = <<<'TEXT'
    usage: track.php COURIER NUMBER
    environment: WAYBILL_TOKEN, WAYBILL_URL (http://127.0.0.1:8080), WAYBILL_PHONE (none), WAYBILL_TIMEOUT (20, seconds)

    TEXT;

/** Why there is no parcel: the API's own code and message, and when to ask again where it says so. */
final class NoParcel extends Exception
{
    public function __construct(
        string $code,
        string $message,
        public readonly int $exitCode,
        public readonly int $retryAfter = 0,
    ) {
        parent::__construct("$code: $message");
    }

    public function passes(): bool
    {
        return $this->exitCode === 5;
    }
}

/**
 * The parcel's data, by one request. The timeout bounds each wait for the network, not their sum.
 *
 * @param array<string, string> $wanted
 * @return array{status: string, statusDesc: string, traces: list<array{time: string, desc: string}>}
 */
function ask(string $url, string $token, array $wanted, int $timeout): array
{
    $context = stream_context_create(['http' => [
        'method' => 'POST',
        'header' => ["Authorization: Bearer $token", 'Content-Type: application/json'],
        'content' => json_encode($wanted, JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE),
        'timeout' => $timeout,
        'ignore_errors' => true, // an error's body says what is wrong
        'follow_location' => 0, // a redirect would take the token along, wherever it leads
    ]]);
    $stream = @fopen("$url/v1/track", 'r', context: $context);
    if ($stream === false) {
        throw new NoParcel('NETWORK', error_get_last()['message'] ?? 'no answer', 5);
    }
    $body = (string) stream_get_contents($stream);
    $about = stream_get_meta_data($stream);
    fclose($stream);
    if ($about['timed_out']) {
        throw new NoParcel('NETWORK', "No whole answer within $timeout s.", 5);
    }
    return read($about['wrapper_data'], $body);
}

/**
 * @param list<string> $headers the status line first
 * @return array{status: string, statusDesc: string, traces: list<array{time: string, desc: string}>}
 */
function read(array $headers, string $body): array
{
    $status = (int) (explode(' ', $headers[0])[1] ?? 0);
    $answer = json_decode($body, associative: true);
    if (is_array($answer) && ($answer['code'] ?? null) === 'SUCCESS') {
        return $answer['data'];
    }
    // The gateway, which looks at the token, has another envelope than this route.
    $error = $answer['error'] ?? $answer;
    $code = $error['code_reason'] ?? $error['code'] ?? null;
    $message = $error['message'] ?? null;
    if (!is_string($code) || !is_string($message)) {
        // A page of some proxy's, or half an answer.
        [$code, $message] = ["HTTP_$status", "The answer is not Waybill's."];
    }
    $exitCode = match (true) {
        $status === 200 || $status === 429 || $status >= 500 => 5,
        $status === 401 || $status === 403 => 4,
        default => 3,
    };
    // Waybill sends seconds, never a date.
    $retryAfter = preg_grep('/^retry-after: *\d+$/i', $headers);
    throw new NoParcel($code, $message, $exitCode, (int) preg_replace('/\D/', '', (string) end($retryAfter)));
}

/**
 * Asks again what may pass by itself. That is safe, since asking changes nothing.
 *
 * @param array<string, string> $wanted
 * @return array{status: string, statusDesc: string, traces: list<array{time: string, desc: string}>}
 */
function askPatiently(string $url, string $token, array $wanted, int $timeout): array
{
    $backoff = FIRST_WAIT_SECONDS;
    for ($try = 1; ; $try++) {
        try {
            return ask($url, $token, $wanted, $timeout);
        } catch (NoParcel $error) {
            if (!$error->passes() || $try === TRIES || $error->retryAfter > LONGEST_WAIT_SECONDS) {
                throw $error;
            }
            // Never sooner than we were told, and by chance later: or all who were refused together come back together.
            $wait = $error->retryAfter + $backoff * random_int(500, 1000) / 1000;
            fprintf(STDERR, "%s Asking again in %.1f s.\n", $error->getMessage(), $wait);
            usleep((int) ($wait * 1_000_000));
            $backoff *= 2;
        }
    }
}

/** @param list<string> $arguments */
function main(array $arguments): int
{
    $url = rtrim(getenv('WAYBILL_URL') ?: 'http://127.0.0.1:8080', '/');
    $token = (string) getenv('WAYBILL_TOKEN');
    $timeout = getenv('WAYBILL_TIMEOUT') ?: '20';
    if (count($arguments) !== 2 || $token === '' || !preg_match('~^https?://~', $url) || !ctype_digit($timeout)) {
        fwrite(STDERR, USAGE);
        return 2;
    }
    $wanted = ['expCode' => $arguments[0], 'expNo' => $arguments[1]];
    if ($phone = getenv('WAYBILL_PHONE')) {
        $wanted['phone'] = $phone;
    }
    try {
        $parcel = askPatiently($url, $token, $wanted, (int) $timeout);
    } catch (NoParcel $error) {
        $later = $error->retryAfter > LONGEST_WAIT_SECONDS ? " Come back in $error->retryAfter s." : '';
        fwrite(STDERR, $error->getMessage() . "$later\n");
        return $error->exitCode;
    }
    echo "{$parcel['status']}: {$parcel['statusDesc']}\n";
    foreach ($parcel['traces'] as $trace) {
        echo "{$trace['time']}  {$trace['desc']}\n";
    }
    return 0;
}

exit(main(array_slice($argv, 1)));
