import java.io.PrintStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Query a parcel as a customer of the vendor would in Java: JSON with the escapes of a web page (of the ampersand, the equals sign
 * and the apostrophe), an empty field "url" too many, and a charset in the content type.
 */
public class Client {

    public static void main(String[] args) throws Exception {
        String url = args[0];
        String customer = args[1];
        String key = args[2];

        Map<String, String> query = new LinkedHashMap<>();
        query.put("com", args[3]);
        query.put("num", args[4]);
        query.put("phone", args[5]);
        query.put("from", args[6]);
        query.put("to", args[7]);
        query.put("resultv2", "4");
        query.put("show", "0");
        query.put("order", "desc");
        String param = query.entrySet().stream()
                .map(field -> quoted(field.getKey()) + ":" + quoted(field.getValue()))
                .collect(Collectors.joining(",", "{", "}"));

        Map<String, String> form = new LinkedHashMap<>();
        form.put("customer", customer);
        form.put("sign", md5(param + key + customer));
        form.put("param", param);
        form.put("url", "");

        HttpRequest request = HttpRequest.newBuilder(URI.create(url))
                .header("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
                .timeout(Duration.ofSeconds(10))
                .POST(HttpRequest.BodyPublishers.ofString(encoded(form)))
                .build();
        HttpResponse<String> response = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()
                .send(request, HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8));
        new PrintStream(System.out, true, StandardCharsets.UTF_8).println(response.body());
    }

    static String quoted(String text) {
        StringBuilder json = new StringBuilder("\"");
        for (char character : text.toCharArray()) {
            if (character < ' ' || "\"\\&='<>".indexOf(character) >= 0) {
                json.append(String.format("\\u%04x", (int) character));
            } else {
                json.append(character);
            }
        }
        return json.append('"').toString();
    }

    static String encoded(Map<String, String> form) {
        return form.entrySet().stream()
                .map(field -> field.getKey() + "=" + URLEncoder.encode(field.getValue(), StandardCharsets.UTF_8))
                .collect(Collectors.joining("&"));
    }

    static String md5(String text) throws Exception {
        byte[] digest = MessageDigest.getInstance("MD5").digest(text.getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().withUpperCase().formatHex(digest);
    }
}
