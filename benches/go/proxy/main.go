// A proxy in front of an emulated AWS: each call takes some milliseconds more, and is remembered.
//
//	proxy TARGET MILLISECONDS
//
// Prints its address. GET /_calls answers the calls since the last time, as JSON: name, when it came and was answered,
// and how long the emulator took. POST /_record?NAME keeps what is answered from then on; POST /_replay?NAME answers
// from that, without the emulator, all calls at once; POST /_verb?VERB says what is measured next, which has answers of
// its own; POST /_delay?MILLISECONDS is how long each call takes from then on; POST /_pass ends all of this.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
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
	At    float64 `json:"at"`
	Until float64 `json:"until"`
	// Milliseconds that the emulator took.
	Took float64 `json:"took"`
	// HTTP's status.
	Status int `json:"status"`
}

// proxy passes calls on.
type proxy struct {
	next  http.Handler
	began time.Time
	// How long a call takes, unless told otherwise.
	usual time.Duration
	lock  sync.Mutex
	delay time.Duration
	verb  string
	calls []call
	// By name; and the one that is recorded or replayed.
	recordings map[string]*recording
	current    *recording
	replaying  bool
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.controlled(w, r) {
		return
	}
	came := time.Now()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	one := call{Name: operation(r, body), At: came.Sub(p.began).Seconds()}
	p.lock.Lock()
	current, replaying, delay, key := p.current, p.replaying, p.delay, p.verb+" "+one.Name
	p.lock.Unlock()
	time.Sleep(delay)
	passed := time.Now()
	said := answer{}
	if replaying {
		said = current.answer(key, words(r, body))
	} else {
		r.Body = io.NopCloser(bytes.NewReader(body))
		recorder := httptest.NewRecorder()
		p.next.ServeHTTP(recorder, r)
		said = answer{recorder.Code, recorder.Header(), recorder.Body.String()}
		if current != nil {
			current.keep(key, words(r, body), said)
		}
	}
	one.Took = time.Since(passed).Seconds() * 1000
	one.Status, one.Until = said.status, time.Since(p.began).Seconds()
	p.lock.Lock()
	p.calls = append(p.calls, one)
	p.lock.Unlock()
	said.write(w)
}

// controlled answers what the measurement asks of the proxy itself.
func (p *proxy) controlled(w http.ResponseWriter, r *http.Request) bool {
	p.lock.Lock()
	defer p.lock.Unlock()
	switch name := r.URL.RawQuery; r.URL.Path {
	case "/_calls":
		json.NewEncoder(w).Encode(p.calls)
		p.calls = []call{}
	case "/_record":
		p.recordings[name] = newRecording()
		p.current, p.replaying = p.recordings[name], false
	case "/_replay":
		p.current, p.replaying = p.recordings[name], true
		p.current.rewind()
	case "/_verb":
		p.verb = name
	case "/_delay":
		milliseconds, _ := strconv.Atoi(name)
		p.delay = time.Duration(milliseconds) * time.Millisecond
	case "/_pass":
		p.current, p.replaying, p.delay = nil, false, p.usual
	default:
		return false
	}
	return true
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
	// CBOR: /service/NAME/operation/CALL
	if _, call, found := strings.Cut(r.URL.Path, "/operation/"); found {
		return call
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
	delay := time.Duration(milliseconds) * time.Millisecond
	p := &proxy{
		next: next, usual: delay, delay: delay, began: time.Now(), calls: []call{}, recordings: map[string]*recording{},
	}
	fmt.Printf("http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, p))
}
