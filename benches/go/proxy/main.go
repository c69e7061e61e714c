// A proxy in front of an emulated AWS: each call takes some milliseconds more, and is remembered.
//
//	proxy TARGET MILLISECONDS
//
// Prints its address. GET /_calls answers the calls since the last time, as JSON: name, when it came, and how long
// the emulator took.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// call is one call of AWS.
type call struct {
	Name string `json:"name"`
	// Seconds since the proxy started.
	At float64 `json:"at"`
	// Milliseconds that the emulator took.
	Took float64 `json:"took"`
}

// proxy passes calls on.
type proxy struct {
	next  http.Handler
	delay time.Duration
	began time.Time
	lock  sync.Mutex
	calls []call
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/_calls" {
		p.lock.Lock()
		defer p.lock.Unlock()
		json.NewEncoder(w).Encode(p.calls)
		p.calls = []call{}
		return
	}
	came := time.Now()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	one := call{Name: operation(r, body), At: came.Sub(p.began).Seconds()}
	time.Sleep(p.delay)
	passed := time.Now()
	p.next.ServeHTTP(w, r)
	one.Took = time.Since(passed).Seconds() * 1000
	p.lock.Lock()
	defer p.lock.Unlock()
	p.calls = append(p.calls, one)
}

// operation is the name of a call; for a REST service its method and path, without names.
func operation(r *http.Request, body []byte) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return target[strings.LastIndex(target, ".")+1:]
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		if form, err := url.ParseQuery(string(body)); err == nil {
			return form.Get("Action")
		}
	}
	service := "?"
	// AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request
	if scope := strings.Split(r.Header.Get("Authorization"), "/"); len(scope) > 3 {
		service = scope[3]
	}
	name := r.Method + " " + service
	// What S3 calls a subresource is a key without a value.
	for key, values := range r.URL.Query() {
		if strings.Join(values, "") == "" {
			name += "?" + key
		}
	}
	return name
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("proxy TARGET MILLISECONDS")
	}
	target, err := url.Parse(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	milliseconds, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	next := httputil.NewSingleHostReverseProxy(target)
	p := &proxy{next: next, delay: time.Duration(milliseconds) * time.Millisecond, began: time.Now(), calls: []call{}}
	fmt.Printf("http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, p))
}
