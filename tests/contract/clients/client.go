// Query a parcel as a customer of the vendor would in Go: json.Marshal as it comes, with & as \u0026.
package main

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

type query struct {
	Com      string `json:"com"`
	Num      string `json:"num"`
	Phone    string `json:"phone"`
	From     string `json:"from"`
	To       string `json:"to"`
	ResultV2 string `json:"resultv2"`
	Show     string `json:"show"`
	Order    string `json:"order"`
}

func main() {
	if len(os.Args) != 9 {
		log.Fatal("usage: client URL CUSTOMER KEY COM NUM PHONE FROM TO")
	}
	address, customer, key := os.Args[1], os.Args[2], os.Args[3]
	param, err := json.Marshal(query{os.Args[4], os.Args[5], os.Args[6], os.Args[7], os.Args[8], "4", "0", "desc"})
	if err != nil {
		log.Fatal(err)
	}
	digest := md5.Sum([]byte(string(param) + key + customer))
	form := url.Values{
		"customer": {customer},
		"sign":     {strings.ToUpper(hex.EncodeToString(digest[:]))},
		"param":    {string(param)},
	}
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.PostForm(address, form)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(answer))
}
