package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReplay(t *testing.T) {
	r := newRecording()
	asked := func(body string) []string {
		return words(httptest.NewRequest(http.MethodPost, "/", nil), []byte(body))
	}
	keep := func(body, said string) { r.keep("create Do", asked(body), answer{status: 200, body: said}) }
	keep(`{"Name":"a-x2y3z4w5v6","Kind":"small"}`, `{"Id":"vpc-0a1b2c3d","Name":"a-x2y3z4w5v6"}`)
	keep(`{"Name":"b-u2y3z4w5v6","Kind":"small"}`, `{"Id":"vpc-9a1b2c3d"}`)
	keep(`{"Id":"vpc-0a1b2c3d"}`, `pending`)
	keep(`{"Id":"vpc-0a1b2c3d"}`, `available`)
	keep(`{"Text":"{\"password\":\"one;two\",\"user\":\"dbt\"}"}`, `kept`)
	r.rewind()
	for _, each := range []struct{ body, said string }{
		{`{"Kind":"small","Name":"b-22222aaaaa"}`, `vpc-9a1b2c3d`},
		{`{"Kind":"small","Name":"a-abcdefghij"}`, `{"Id":"vpc-0a1b2c3d","Name":"a-abcdefghij"}`},
		{`{"Kind":"large","Name":"a-abcdefghij"}`, "not in the recording: create Do with POST Kind large Name a abcdefghij"},
		{`{"Kind":"small","Name":"a-33333aaaaa"}`, "not in the recording"},
		{`{"Kind":"small","Name":"c-44444aaaaa"}`, "not in the recording"},
		{`{"Id":"vpc-0a1b2c3d"}`, "pending"},
		{`{"Id":"vpc-0a1b2c3d"}`, "available"},
		{`{"Id":"vpc-0a1b2c3d"}`, "available"},
		{`{"Id":"vpc-7a1b2c3d"}`, "not in the recording"},
		{`{"Id":"vpc-0a1b2c3d","More":true}`, "not in the recording"},
		{`{"Text":"{\"user\":\"dbt\",\"password\":\"x\"}"}`, "kept"},
	} {
		said := r.answer("create Do", asked(each.body))
		if !strings.Contains(said.body, each.said) || (said.status == 200) == strings.HasPrefix(each.said, "not") {
			t.Errorf("%s: %d %s, not %s", each.body, said.status, said.body, each.said)
		}
	}
	if said := r.answer("delete Do", asked(`{"Id":"vpc-0a1b2c3d"}`)); said.status != http.StatusNotImplemented {
		t.Errorf("another verb: %d", said.status)
	}
}
