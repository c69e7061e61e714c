// Command language-host runs programs as Pulumi's own language hosts do, which no registry has. Under the name
// pulumi-language-nodejs, -python or -go it starts Pulumi's own runner of that language for the engine, whose address is
// its last argument.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/constant"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[0], err)
		os.Exit(1)
	}
}

// serve answers the engine until it is gone.
func serve() error {
	language, found := languages[filepath.Base(os.Args[0])]
	if !found || len(os.Args) < 2 {
		return errors.New("it is called by an engine, under the name of a language host")
	}
	engine := os.Args[len(os.Args)-1]
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := rpcutil.Healthcheck(ctx, engine, time.Minute, stop); err != nil {
		return err
	}
	ended := make(chan bool)
	context.AfterFunc(ctx, func() { close(ended) })
	server, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: ended,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, &host{engine: engine, language: language})
			return nil
		},
	})
	if err != nil {
		return err
	}
	fmt.Println(server.Port)
	return <-server.Done
}

// languages has the command that runs a program of a language.
var languages = map[string]func(context.Context, program) (*exec.Cmd, error){
	"pulumi-language-nodejs": nodejs,
	"pulumi-language-python": python,
	"pulumi-language-go":     golang,
}

// host is what the engine asks to run a program; what else it could ask is left to its own defaults.
type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	engine   string
	language func(context.Context, program) (*exec.Cmd, error)
}

func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{}, nil
}

func (h *host) Run(ctx context.Context, run *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	command, err := h.language(ctx, program{run, h.engine})
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(run.GetConfig())
	if err != nil {
		return nil, err
	}
	secrets, err := json.Marshal(run.GetConfigSecretKeys())
	if err != nil {
		return nil, err
	}
	command.Dir = run.GetPwd()
	command.Env = append(append(os.Environ(), command.Env...),
		"PULUMI_CONFIG="+string(config), "PULUMI_CONFIG_SECRET_KEYS="+string(secrets))
	// The engine shows what a language host prints.
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	err = command.Run()
	var ended *exec.ExitError
	switch {
	case err == nil:
		return &pulumirpc.RunResponse{}, nil
	case errors.As(err, &ended) && ended.ExitCode() == constant.ExitStatusLoggedError:
		return &pulumirpc.RunResponse{Bail: true}, nil
	default:
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("the program ended: %v", err)}, nil
	}
}

// program is what is run, and for whom.
type program struct {
	*pulumirpc.RunRequest
	engine string
}

// settings has the names of the runners' options with their values.
func (p program) settings() map[string]string {
	return map[string]string{
		"dry-run":        strconv.FormatBool(p.GetDryRun()),
		"engine":         p.engine,
		"monitor":        p.GetMonitorAddress(),
		"organization":   p.GetOrganization(),
		"parallel":       strconv.Itoa(int(p.GetParallel())),
		"project":        p.GetProject(),
		"root-directory": p.GetInfo().GetRootDirectory(),
		"stack":          p.GetStack(),
	}
}

// arguments are a runner, its options and the program.
func (p program) arguments(runner string, name func(string) string) []string {
	all := []string{}
	for option, value := range p.settings() {
		all = append(all, "--"+name(option)+"="+value)
	}
	slices.Sort(all)
	return append(append([]string{runner}, all...), p.GetInfo().GetEntryPoint())
}

func nodejs(ctx context.Context, p program) (*exec.Cmd, error) {
	runner := filepath.Join(p.GetInfo().GetProgramDirectory(), "node_modules", "@pulumi", "pulumi", "cmd", "run")
	if _, err := os.Stat(runner); err != nil {
		return nil, fmt.Errorf("run `npm install` first: %w", err)
	}
	command := exec.CommandContext(ctx, "node", p.arguments(runner, func(option string) string { return option })...)
	command.Env = []string{"PULUMI_NODEJS_TYPESCRIPT=true"}
	return command, nil
}

func python(ctx context.Context, p program) (*exec.Cmd, error) {
	here, err := os.Executable()
	if err != nil {
		return nil, err
	}
	runner := filepath.Join(filepath.Dir(here), "pulumi-language-python-exec")
	underscored := func(option string) string { return strings.ReplaceAll(option, "-", "_") }
	return exec.CommandContext(ctx, interpreter(p.GetInfo()), append([]string{"-u"}, p.arguments(runner, underscored)...)...), nil
}

// interpreter is the Python of the virtual environment that Pulumi.yaml names, or else that of PATH.
func interpreter(info *pulumirpc.ProgramInfo) string {
	environment := info.GetOptions().GetFields()["virtualenv"].GetStringValue()
	switch {
	case environment == "":
		return "python3"
	case filepath.IsAbs(environment):
		return filepath.Join(environment, "bin", "python")
	default:
		return filepath.Join(info.GetRootDirectory(), environment, "bin", "python")
	}
}

func golang(ctx context.Context, p program) (*exec.Cmd, error) {
	// In a place of its own, so that it is linked once and not for each run.
	file := filepath.Join(p.GetInfo().GetProgramDirectory(), "program")
	build := exec.CommandContext(ctx, "go", "build", "-o", file, p.GetInfo().GetEntryPoint())
	build.Dir = p.GetInfo().GetProgramDirectory()
	if text, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("could not build the program: %w\n%s", err, text)
	}
	command := exec.CommandContext(ctx, file)
	for option, value := range p.settings() {
		name := strings.ToUpper(strings.ReplaceAll(option, "-", "_"))
		command.Env = append(command.Env, "PULUMI_"+name+"="+value)
	}
	return command, nil
}
