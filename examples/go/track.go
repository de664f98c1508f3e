// Where is a parcel? Asks Waybill's POST /v1/track and prints the status, then what happened, newest first.
//
//	export WAYBILL_URL=http://127.0.0.1:8080 WAYBILL_TOKEN=...
//	go run track.go yuantong YT7450353838751
//	WAYBILL_PHONE=13800008000 go run track.go shunfeng SF7444700499701
//
// The phone that some couriers demand and the token come from the environment: whatever stands on a command line, every user of
// the machine can read.
//
// Exit codes: 0 shown, 2 called wrongly, 3 refused, 4 the token is not accepted, 5 not available now: come back later.
// (go run tells them as 1 and prints them; go build keeps them.)
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	tries       = 4
	firstWait   = 500 * time.Millisecond
	longestWait = 30 * time.Second // nobody sits before a command for longer
	usage       = `usage: track COURIER NUMBER
environment: WAYBILL_TOKEN, WAYBILL_URL (http://127.0.0.1:8080), WAYBILL_PHONE (none), WAYBILL_TIMEOUT (20, seconds)`
)

type query struct {
	Courier string `json:"expCode"`
	Number  string `json:"expNo"`
	Phone   string `json:"phone,omitempty"`
}

type parcel struct {
	Status      string `json:"status"`
	Description string `json:"statusDesc"`
	Traces      []struct {
		Time        string `json:"time"`
		Description string `json:"desc"`
	} `json:"traces"`
}

// An answer has data or, when there is none, a code and a message. The gateway, which looks at the token, puts them into Error.
type answer struct {
	Code    string  `json:"code"`
	Message string  `json:"message"`
	Data    *parcel `json:"data"`
	Error   *struct {
		Reason  string `json:"code_reason"`
		Message string `json:"message"`
	} `json:"error"`
}

// noParcel says why there is none: the API's own code and message, and when to ask again where it says so.
type noParcel struct {
	code, message string
	exitCode      int
	retryAfter    time.Duration
}

func (e *noParcel) Error() string { return e.code + ": " + e.message }

func (e *noParcel) passes() bool { return e.exitCode == 5 }

type client struct {
	http       http.Client
	url, token string
}

// ask makes one request. Every error that it returns is a *noParcel.
func (c *client) ask(wanted query) (*parcel, error) {
	body, err := json.Marshal(wanted)
	if err != nil {
		return nil, &noParcel{code: "REQUEST", message: err.Error(), exitCode: 2}
	}
	request, err := http.NewRequest(http.MethodPost, c.url+"/v1/track", bytes.NewReader(body))
	if err != nil {
		return nil, &noParcel{code: "REQUEST", message: err.Error(), exitCode: 2}
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return nil, &noParcel{code: "NETWORK", message: err.Error(), exitCode: 5}
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, &noParcel{code: "NETWORK", message: err.Error(), exitCode: 5}
	}
	return read(response.StatusCode, response.Header, content)
}

func read(status int, header http.Header, content []byte) (*parcel, error) {
	var told answer
	err := json.Unmarshal(content, &told)
	if err == nil && told.Code == "SUCCESS" && told.Data != nil {
		return told.Data, nil
	}
	failed := &noParcel{code: told.Code, message: told.Message, exitCode: 3}
	if told.Error != nil {
		failed.code, failed.message = told.Error.Reason, told.Error.Message
	}
	if err != nil || failed.code == "" {
		// A page of some proxy's, or half an answer.
		failed.code, failed.message = fmt.Sprintf("HTTP_%d", status), "The answer is not Waybill's."
	}
	switch {
	case status == http.StatusOK || status == http.StatusTooManyRequests || status >= 500:
		failed.exitCode = 5
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		failed.exitCode = 4
	}
	// Waybill sends seconds, never a date.
	if seconds, err := strconv.ParseUint(header.Get("Retry-After"), 10, 31); err == nil {
		failed.retryAfter = time.Duration(seconds) * time.Second
	}
	return nil, failed
}

// askPatiently asks again what may pass by itself. That is safe, since asking changes nothing.
func (c *client) askPatiently(wanted query) (*parcel, error) {
	chance := rand.New(rand.NewSource(time.Now().UnixNano()))
	backoff := firstWait
	for try := 1; ; try++ {
		found, err := c.ask(wanted)
		var failed *noParcel
		if !errors.As(err, &failed) {
			return found, err
		}
		if failed.retryAfter > longestWait {
			failed.message += fmt.Sprintf(" Come back in %.0f s.", failed.retryAfter.Seconds())
			return nil, failed
		}
		if !failed.passes() || try == tries {
			return nil, failed
		}
		// Never sooner than we were told, and by chance later: or all who were refused together come back together.
		wait := failed.retryAfter + backoff/2 + time.Duration(chance.Int63n(int64(backoff/2)))
		fmt.Fprintf(os.Stderr, "%v Asking again in %.1f s.\n", failed, wait.Seconds())
		time.Sleep(wait)
		backoff *= 2
	}
}

func environment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func main() {
	url := strings.TrimRight(environment("WAYBILL_URL", "http://127.0.0.1:8080"), "/")
	token := os.Getenv("WAYBILL_TOKEN")
	timeout, err := strconv.ParseUint(environment("WAYBILL_TIMEOUT", "20"), 10, 31)
	isHTTP := strings.HasPrefix(url, "http://") || strings.HasPrefix(url, "https://")
	if len(os.Args) != 3 || token == "" || !isHTTP || err != nil {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	asking := client{
		http: http.Client{
			Timeout: time.Duration(timeout) * time.Second,
			// A redirect is no answer of Waybill's.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		url:   url,
		token: token,
	}
	found, err := asking.askPatiently(query{os.Args[1], os.Args[2], os.Getenv("WAYBILL_PHONE")})
	var failed *noParcel
	if errors.As(err, &failed) {
		fmt.Fprintln(os.Stderr, failed)
		os.Exit(failed.exitCode)
	}
	fmt.Printf("%s: %s\n", found.Status, found.Description)
	for _, trace := range found.Traces {
		fmt.Printf("%s  %s\n", trace.Time, trace.Description)
	}
}
