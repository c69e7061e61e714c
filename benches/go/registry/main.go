// A registry in memory, with a base image, and what the provider asks of ECR.
//
// Prints its host and port. The base is HOST/base:latest: a layer of bytes that cannot be compressed, and a Python's
// version, so that nobody needs to look for it. DELETE /_images forgets all but the base.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const baseSize = 50 << 20

func main() {
	if err := serve(); err != nil {
		log.Fatal(err)
	}
}

func serve() error {
	layer, err := random.Layer(baseSize, types.OCILayer)
	if err != nil {
		return err
	}
	bare := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	base, err := mutate.AppendLayers(bare, layer)
	if err != nil {
		return err
	}
	base, err = mutate.ConfigFile(base, configured(base))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var images atomic.Pointer[http.Handler]
	put := func() error {
		empty := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
		images.Store(&empty)
		tag, err := name.NewTag(fmt.Sprintf("%s/base:latest", listener.Addr()))
		if err != nil {
			return err
		}
		return remote.Write(tag, base)
	}
	server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("X-Amz-Target") != "":
			ecr(w, r)
		case r.URL.Path == "/_images":
			if err := put(); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		default:
			(*images.Load()).ServeHTTP(w, r)
		}
	})
	failed := make(chan error)
	go func() { failed <- http.Serve(listener, server) }()
	if err := put(); err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	return <-failed
}

func configured(image v1.Image) *v1.ConfigFile {
	config, err := image.ConfigFile()
	if err != nil {
		log.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	config.Config.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "PYTHON_VERSION=3.11.9"}
	return config
}

// ecr answers a token, and that an image which was pushed is there.
func ecr(w http.ResponseWriter, r *http.Request) {
	answer := map[string]any{}
	switch target := r.Header.Get("X-Amz-Target"); target[strings.LastIndex(target, ".")+1:] {
	case "GetAuthorizationToken":
		answer["authorizationData"] = []any{map[string]any{
			"authorizationToken": base64.StdEncoding.EncodeToString([]byte("AWS:token")),
			"expiresAt":          time.Now().Add(time.Hour).Unix(),
		}}
	case "BatchGetImage":
		var asked struct{ ImageIds []any }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var images []any
		for _, id := range asked.ImageIds {
			images = append(images, map[string]any{"imageId": id})
		}
		answer["images"] = images
	default:
		http.Error(w, target, http.StatusNotImplemented)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	json.NewEncoder(w).Encode(answer)
}
