package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"
)

const largest = 400 << 20

// cost is what a provider's process took.
type cost struct {
	// Milliseconds from the start of the process to the line with its port.
	Start float64 `json:"start"`
	// Seconds of the verb alone, for which the provider is ready; and from the start of the process.
	Seconds float64 `json:"seconds"`
	Whole   float64 `json:"whole"`
	// Seconds of CPU, of the whole process.
	CPU float64 `json:"cpu"`
	// Resident memory in MB: after the start, at the end, and at most.
	Started float64 `json:"started"`
	Ended   float64 `json:"ended"`
	Peak    float64 `json:"peak"`
	// How many resources there are.
	Resources int `json:"resources"`
}

// process is a provider's process, with the engine's services that it calls.
type process struct {
	pulumirpc.ResourceProviderClient
	cost    cost
	began   time.Time
	command *exec.Cmd
	channel *grpc.ClientConn
	server  *grpc.Server
	address string
	monitor *monitor
}

// start starts a provider, as the engine does, and waits until it answers.
func start(ctx context.Context, path string) (*process, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &process{
		server: grpc.NewServer(grpc.MaxRecvMsgSize(largest)), address: listener.Addr().String(), monitor: &monitor{},
	}
	pulumirpc.RegisterEngineServer(p.server, &log{})
	pulumirpc.RegisterResourceMonitorServer(p.server, p.monitor)
	go p.server.Serve(listener)

	p.command = exec.Command(path, p.address)
	p.command.Stderr = os.Stderr
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.began = time.Now()
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	p.cost.Start = time.Since(p.began).Seconds() * 1000
	if err != nil {
		return nil, fmt.Errorf("%s says no port: %w", path, err)
	}
	port := strings.TrimSpace(line)
	p.channel, err = grpc.NewClient("127.0.0.1:"+port, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(largest)))
	if err != nil {
		return nil, err
	}
	p.ResourceProviderClient = pulumirpc.NewResourceProviderClient(p.channel)
	if _, err := p.GetPluginInfo(ctx, &emptypb.Empty{}); err != nil {
		return nil, err
	}
	p.cost.Started = p.memory("VmRSS")
	return p, nil
}

// configure makes the provider ready for a program's resources.
func (p *process) configure(ctx context.Context, config map[string]any) error {
	args, err := structpb.NewStruct(config)
	if err != nil {
		return err
	}
	urn, id := urnOf("", "pulumi:providers:dbt-aws", "default"), "0b1f8e52-5c0e-4a53-9b43-1f2b6d9f4a10"
	_, err = p.Configure(ctx, &pulumirpc.ConfigureRequest{
		Args: args, AcceptSecrets: true, AcceptResources: true, Urn: &urn, Id: &id,
	})
	return err
}

// timed runs what a verb is judged by.
func (p *process) timed(act func() error) error {
	began := time.Now()
	err := act()
	p.cost.Seconds, p.cost.Whole = time.Since(began).Seconds(), time.Since(p.began).Seconds()
	return err
}

// end ends the process and says what it took.
func (p *process) end() *cost {
	p.cost.Ended, p.cost.Peak = p.memory("VmRSS"), p.memory("VmHWM")
	p.channel.Close()
	p.command.Process.Signal(os.Kill)
	p.command.Wait()
	p.server.Stop()
	if state := p.command.ProcessState; state != nil {
		p.cost.CPU = (state.UserTime() + state.SystemTime()).Seconds()
	}
	return &p.cost
}

func (p *process) memory(key string) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); name == key {
			kib, _ := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return kib * 1024 / 1e6
		}
	}
	return 0
}

// log takes the provider's messages; warnings are shown.
type log struct {
	pulumirpc.UnimplementedEngineServer
	lock sync.Mutex
}

func (l *log) Log(_ context.Context, req *pulumirpc.LogRequest) (*emptypb.Empty, error) {
	if req.Severity >= pulumirpc.LogSeverity_WARNING {
		l.lock.Lock()
		defer l.lock.Unlock()
		fmt.Fprintln(os.Stderr, req.Urn, req.Message)
	}
	return &emptypb.Empty{}, nil
}
