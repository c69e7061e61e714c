package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// answer is what a call is answered.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) write(w http.ResponseWriter) {
	for key, values := range a.header {
		if key != "Content-Length" && key != "Date" {
			w.Header()[key] = values
		}
	}
	if a.body != "" {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	w.Write([]byte(a.body))
}

// exchange is a call and its answer.
type exchange struct {
	name  string
	words []string
	said  answer
	used  bool
}

// recording is what was answered to one client, to be answered again to a run of the same client.
//
// A request is one of the recording if it has the words of a recorded one of the same name, in the same order. Only a
// word that the client draws at random may be another one, of the same length, and then wherever it occurs in the run.
type recording struct {
	lock      sync.Mutex
	exchanges []*exchange
	// Words of requests; and ids, which answers had first.
	asked, ids map[string]bool
	// What the client calls now what it called otherwise when it was recorded, and the other way around.
	now, before map[string]string
}

func newRecording() *recording {
	return &recording{asked: map[string]bool{}, ids: map[string]bool{}}
}

// keep adds a call.
func (r *recording) keep(name string, words []string, said answer) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.exchanges = append(r.exchanges, &exchange{name: name, words: words, said: said})
	for _, each := range words {
		r.asked[each] = true
	}
	for _, each := range word.FindAllString(said.body, -1) {
		if random(each) && !r.asked[each] {
			r.ids[each] = true
		}
	}
}

// rewind begins another run.
func (r *recording) rewind() {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.now, r.before = map[string]string{}, map[string]string{}
	for _, each := range r.exchanges {
		each.used = false
	}
}

// answer is that of the recorded request that has these words; equal ones give theirs in turn, and the last one's again.
func (r *recording) answer(name string, words []string) answer {
	r.lock.Lock()
	defer r.lock.Unlock()
	var found *exchange
	var renamed map[string]string
	for _, each := range r.exchanges {
		if each.name != name {
			continue
		}
		names, same := r.renamed(each.words, words)
		switch {
		case !same:
		case found == nil, len(names) < len(renamed), len(names) == len(renamed) && found.used:
			found, renamed = each, names
		}
	}
	if found == nil {
		reason := fmt.Sprintf("not in the recording: %s with %s", name, strings.Join(words, " "))
		log.Print(reason)
		return answer{http.StatusNotImplemented, http.Header{}, reason}
	}
	found.used = true
	for before, now := range renamed {
		r.now[before], r.before[now] = now, before
	}
	said := found.said
	said.body = word.ReplaceAllStringFunc(said.body, func(each string) string {
		if now, renamed := r.now[each]; renamed {
			return now
		}
		return each
	})
	return said
}

// renamed is what the client would call otherwise from now on if a request were a recorded one, and whether it can be.
func (r *recording) renamed(recorded, words []string) (map[string]string, bool) {
	if len(recorded) != len(words) {
		return nil, false
	}
	names := map[string]string{}
	for i, before := range recorded {
		now, known := r.now[before]
		if !known {
			now, known = names[before]
		}
		switch {
		case known:
			if now != words[i] {
				return nil, false
			}
		case !random(before) || r.ids[before]:
			if before != words[i] {
				return nil, false
			}
		default:
			if _, taken := r.before[words[i]]; taken || !random(words[i]) || len(before) != len(words[i]) {
				return nil, false
			}
			names[before] = words[i]
		}
	}
	return names, true
}

var (
	word = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[A-Za-z0-9]+`)
	// What the provider makes names of.
	drawn = regexp.MustCompile(`^[a-km-np-z2-9]{10,}$`)
)

// random is whether a word looks like one that a client draws, or AWS.
func random(word string) bool {
	return len(word) >= 6 && strings.ContainsAny(word, "0123456789") || drawn.MatchString(word)
}

// words are those of a request: a form's and a JSON object's in the order of their keys, without passwords.
func words(r *http.Request, body []byte) []string {
	text := string(body)
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, _ := url.ParseQuery(text)
		var pairs []string
		for key, values := range form {
			pairs = append(pairs, key+" "+ordered(key, strings.Join(values, " ")))
		}
		slices.Sort(pairs)
		text = strings.Join(pairs, " ")
	} else if strings.HasPrefix(r.Header.Get("Content-Type"), "application/cbor") {
		text = texts(body)
	} else {
		text = ordered("", text)
	}
	path, _ := url.QueryUnescape(r.URL.RequestURI())
	return word.FindAllString(r.Method+" "+path+" "+text, -1)
}

// texts are those in CBOR, in their order: numbers and what holds others are passed over.
func texts(body []byte) string {
	var found []string
	for at := 0; at < len(body); {
		kind, size := body[at]>>5, int(body[at]&31)
		at++
		// A length, a number or a float of 1, 2, 4 or 8 bytes; 31 is for what ends with a byte of its own.
		if more := size - 24; more >= 0 && more < 4 {
			end := min(at+1<<more, len(body))
			size = 0
			for _, each := range body[at:end] {
				size = size<<8 | int(each)
			}
			at = end
		}
		if kind == 2 || kind == 3 {
			end := min(at+max(size, 0), len(body))
			found = append(found, ordered("", string(body[at:end])))
			at = end
		}
	}
	return strings.Join(found, " ")
}

// ordered is a text in which JSON has the order of its keys, also where it is a text within JSON.
func ordered(key, text string) string {
	if strings.HasSuffix(strings.ToLower(key), "password") {
		return "hidden"
	}
	var parsed any
	if !strings.HasPrefix(text, "{") || json.Unmarshal([]byte(text), &parsed) != nil {
		return text
	}
	sorted, _ := json.Marshal(within("", parsed))
	return string(sorted)
}

func within(key string, value any) any {
	switch value := value.(type) {
	case string:
		return ordered(key, value)
	case map[string]any:
		for key, each := range value {
			value[key] = within(key, each)
		}
	case []any:
		for i, each := range value {
			value[i] = within(key, each)
		}
	}
	return value
}
