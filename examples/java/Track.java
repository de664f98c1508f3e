import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;

/**
 * Where is a parcel? Asks Waybill's POST /v1/track and prints the status, then what happened, newest first. Java 17.
 *
 * <pre>
 * export WAYBILL_URL=http://127.0.0.1:8080 WAYBILL_TOKEN=...
 * java Track.java yuantong YT7450353838751
 * WAYBILL_PHONE=13800008000 java Track.java shunfeng SF7444700499701
 * </pre>
 *
 * The phone that some couriers demand and the token come from the environment: whatever stands on a command line, every user of
 * the machine can read.
 *
 * <p>Exit codes: 0 shown, 2 called wrongly, 3 refused, 4 the token is not accepted, 5 not available now: come back later.
 */
public final class Track {
    private static final int TRIES = 4;
    private static final Duration FIRST_WAIT = Duration.ofMillis(500);
    /** Nobody sits before a command for longer. */
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(30);
    private static final String USAGE = """
            usage: java Track.java COURIER NUMBER
            environment: WAYBILL_TOKEN, WAYBILL_URL (http://127.0.0.1:8080), WAYBILL_PHONE (none), \
            WAYBILL_TIMEOUT (20, seconds)""";

    // Couriers write Chinese, whatever the locale.
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    private static final PrintStream ERR = new PrintStream(System.err, true, StandardCharsets.UTF_8);

    /** Why there is no parcel: the API's own code and message, and when to ask again where it says so. */
    @SuppressWarnings("serial") // it leaves no process
    private static final class NoParcel extends Exception {
        final int exitCode;
        final Duration retryAfter;

        NoParcel(String code, String message, int exitCode, Duration retryAfter) {
            super(code + ": " + message);
            this.exitCode = exitCode;
            this.retryAfter = retryAfter;
        }

        boolean passes() {
            return exitCode == 5;
        }
    }

    private final HttpClient client;
    private final URI address;
    private final String token;
    private final Duration timeout;

    private Track(String url, String token, Duration timeout) {
        // HTTP/1.1, since over http:// the default begins with an attempt to change to HTTP/2. Redirects are not followed: none is
        // an answer of Waybill's.
        this.client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        this.address = URI.create(url + "/v1/track");
        this.token = token;
        this.timeout = timeout;
    }

    public static void main(String[] arguments) throws InterruptedException {
        Map<String, String> environment = System.getenv();
        String url = environment.getOrDefault("WAYBILL_URL", "http://127.0.0.1:8080").replaceAll("/+$", "");
        String token = environment.getOrDefault("WAYBILL_TOKEN", "");
        String timeout = environment.getOrDefault("WAYBILL_TIMEOUT", "20");
        if (arguments.length != 2 || token.isEmpty() || !url.matches("https?://\\S+") || !timeout.matches("\\d{1,6}")) {
            ERR.println(USAGE);
            System.exit(2);
        }
        Map<String, String> wanted = new LinkedHashMap<>();
        wanted.put("expCode", arguments[0]);
        wanted.put("expNo", arguments[1]);
        String phone = environment.getOrDefault("WAYBILL_PHONE", "");
        if (!phone.isEmpty()) {
            wanted.put("phone", phone);
        }
        try {
            Duration patience = Duration.ofSeconds(Long.parseLong(timeout));
            Map<?, ?> parcel = new Track(url, token, patience).askPatiently(wanted);
            OUT.println(parcel.get("status") + ": " + parcel.get("statusDesc"));
            for (Object each : (List<?>) parcel.get("traces")) {
                Map<?, ?> trace = (Map<?, ?>) each;
                OUT.println(trace.get("time") + "  " + trace.get("desc"));
            }
        } catch (NoParcel error) {
            boolean later = error.retryAfter.compareTo(LONGEST_WAIT) > 0;
            ERR.println(error.getMessage() + (later ? " Come back in " + error.retryAfter.toSeconds() + " s." : ""));
            System.exit(error.exitCode);
        }
    }

    /** Asks again what may pass by itself. That is safe, since asking changes nothing. */
    private Map<?, ?> askPatiently(Map<String, String> wanted) throws NoParcel, InterruptedException {
        Duration backoff = FIRST_WAIT;
        for (int attempt = 1; ; attempt++) {
            try {
                return ask(wanted);
            } catch (NoParcel error) {
                if (!error.passes() || attempt == TRIES || error.retryAfter.compareTo(LONGEST_WAIT) > 0) {
                    throw error;
                }
                // Never sooner than we were told, and by chance later: or all who were refused together come back together.
                long most = backoff.toMillis();
                Duration wait = error.retryAfter.plusMillis(ThreadLocalRandom.current().nextLong(most / 2, most));
                ERR.printf(Locale.ROOT, "%s Asking again in %.1f s.%n", error.getMessage(), wait.toMillis() / 1000.0);
                Thread.sleep(wait.toMillis());
                backoff = backoff.multipliedBy(2);
            }
        }
    }

    /** One request. */
    private Map<?, ?> ask(Map<String, String> wanted) throws NoParcel, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(address)
                .header("Authorization", "Bearer " + token)
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(Json.write(wanted)))
                .build();
        try {
            // HttpRequest.timeout would end with the headers; this bounds the whole answer.
            HttpResponse<String> response = client
                    .sendAsync(request, BodyHandlers.ofString(StandardCharsets.UTF_8))
                    .get(timeout.toMillis(), TimeUnit.MILLISECONDS);
            return read(response.statusCode(), response.headers(), response.body());
        } catch (TimeoutException error) {
            throw new NoParcel("NETWORK", "No whole answer within " + timeout.toSeconds() + " s.", 5, Duration.ZERO);
        } catch (ExecutionException error) {
            throw new NoParcel("NETWORK", String.valueOf(error.getCause()), 5, Duration.ZERO);
        }
    }

    private static Map<?, ?> read(int status, HttpHeaders headers, String body) throws NoParcel {
        String code = "HTTP_" + status;
        String message = "The answer is not Waybill's.";
        try {
            Map<?, ?> answer = (Map<?, ?>) Json.read(body);
            if ("SUCCESS".equals(answer.get("code")) && answer.get("data") instanceof Map<?, ?> parcel) {
                return parcel;
            }
            // The gateway, which looks at the token, has another envelope than this route.
            if (answer.get("error") instanceof Map<?, ?> error) {
                code = (String) error.get("code_reason");
                message = (String) error.get("message");
            } else if (answer.get("code") instanceof String own) {
                code = own;
                message = (String) answer.get("message");
            }
        } catch (IOException | ClassCastException unreadable) {
            // A page of some proxy's, or half an answer.
        }
        int exitCode = switch (status) {
            case 200, 429 -> 5;
            case 401, 403 -> 4;
            default -> status >= 500 ? 5 : 3;
        };
        // Waybill sends seconds, never a date.
        Duration retryAfter = headers.firstValue("Retry-After")
                .filter(value -> value.matches("\\d{1,9}"))
                .map(value -> Duration.ofSeconds(Long.parseLong(value)))
                .orElse(Duration.ZERO);
        throw new NoParcel(code, message, exitCode, retryAfter);
    }

    /** JSON, which Java's own library does not read. A project of any size takes Jackson or Gson instead. */
    private static final class Json {
        private final String text;
        private int at;

        private Json(String text) {
            this.text = text;
        }

        static String write(Map<String, String> fields) {
            return fields.entrySet().stream()
                    .map(field -> quoted(field.getKey()) + ":" + quoted(field.getValue()))
                    .collect(Collectors.joining(",", "{", "}"));
        }

        private static String quoted(String value) {
            StringBuilder json = new StringBuilder("\"");
            for (char each : value.toCharArray()) {
                if (each < ' ' || each == '"' || each == '\\') {
                    json.append(String.format("\\u%04x", (int) each));
                } else {
                    json.append(each);
                }
            }
            return json.append('"').toString();
        }

        /** Maps, lists, strings, and the text of whatever else there is: no number here is reckoned with. */
        static Object read(String text) throws IOException {
            Json json = new Json(text);
            try {
                Object value = json.value();
                json.blanks();
                if (json.at == text.length()) {
                    return value;
                }
            } catch (IndexOutOfBoundsException | NumberFormatException early) {
                // The text ended too soon, or an escape is none.
            }
            throw new IOException("no JSON at character " + json.at);
        }

        private Object value() throws IOException {
            blanks();
            switch (text.charAt(at)) {
                case '{':
                    Map<String, Object> fields = new LinkedHashMap<>();
                    while (next(fields.isEmpty(), '{', '}')) {
                        blanks();
                        String name = string();
                        blanks();
                        expect(':');
                        fields.put(name, value());
                    }
                    return fields;
                case '[':
                    List<Object> items = new ArrayList<>();
                    while (next(items.isEmpty(), '[', ']')) {
                        items.add(value());
                    }
                    return items;
                case '"':
                    return string();
                default:
                    int start = at;
                    while (at < text.length() && ",]} \t\r\n".indexOf(text.charAt(at)) < 0) {
                        at++;
                    }
                    String word = text.substring(start, at);
                    if (!word.matches("true|false|null|-?\\d+(\\.\\d+)?([eE][+-]?\\d+)?")) {
                        throw new IOException("no JSON at character " + start);
                    }
                    return word.equals("null") ? null : word;
            }
        }

        /** Whether one more element begins here. */
        private boolean next(boolean first, char open, char close) throws IOException {
            if (first) {
                expect(open);
            }
            blanks();
            if (text.charAt(at) == close) {
                at++;
                return false;
            }
            if (!first) {
                expect(',');
            }
            return true;
        }

        private String string() throws IOException {
            expect('"');
            StringBuilder value = new StringBuilder();
            for (char each = text.charAt(at++); each != '"'; each = text.charAt(at++)) {
                value.append(each == '\\' ? escaped(text.charAt(at++)) : each);
            }
            return value.toString();
        }

        private char escaped(char letter) {
            switch (letter) {
                case 'n':
                    return '\n';
                case 't':
                    return '\t';
                case 'r':
                    return '\r';
                case 'b':
                    return '\b';
                case 'f':
                    return '\f';
                case 'u':
                    at += 4;
                    return (char) Integer.parseInt(text.substring(at - 4, at), 16);
                default:
                    return letter;
            }
        }

        private void expect(char wanted) throws IOException {
            if (text.charAt(at) != wanted) {
                throw new IOException("no JSON at character " + at);
            }
            at++;
        }

        private void blanks() {
            while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
        }
    }
}
