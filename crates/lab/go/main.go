// The lanes and situations of golang.org/x/sync/singleflight, as the Rust package around this file has
// them: prints figures as raw lines, or situations in the words of the table.
//
//	lab-go lead THREADS CALLS
//	lab-go herd FOLLOWERS HERDS
//	lab-go memory KEYS
//	lab-go peers
//
// Keys are strings there, so they are made before the clock starts.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/singleflight"
)

func main() {
	// A program that hangs ends all the same.
	time.AfterFunc(time.Minute, func() { panic("took more than a minute") })
	switch os.Args[1] {
	case "lead":
		lead(argument(2), argument(3))
	case "herd":
		herd(argument(2), argument(3))
	case "memory":
		memory(argument(2))
	case "peers":
		peers()
	default:
		panic("no such lane: " + os.Args[1])
	}
}

func argument(i int) int {
	number, err := strconv.Atoi(os.Args[i])
	if err != nil {
		panic(err)
	}
	return number
}

func figure(name string, value float64) {
	fmt.Printf("{\"figure\":%q,\"value\":%g}\n", name, value)
}

// lead: see lead.rs.
func lead(threads, calls int) {
	const warm = 20000
	var group singleflight.Group
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	ready.Add(threads)
	done.Add(threads)
	for t := 0; t < threads; t++ {
		keys := make([]string, warm+calls)
		for i := range keys {
			keys[i] = strconv.FormatUint(uint64(t+1)<<48+uint64(i), 10)
		}
		go func() {
			defer done.Done()
			ask(&group, keys[:warm])
			ready.Done()
			<-start
			ask(&group, keys[warm:])
		}()
	}
	ready.Wait()
	begin := time.Now()
	close(start)
	done.Wait()
	figure("ns", float64(time.Since(begin).Nanoseconds())/float64(calls))
}

func ask(group *singleflight.Group, keys []string) {
	var sum, expected uint64
	for i, key := range keys {
		number := uint64(i)
		value, _, _ := group.Do(key, func() (any, error) { return &number, nil })
		sum += *value.(*uint64)
		expected += number
	}
	if sum != expected {
		panic("every call has the value of its own key")
	}
}

// herd: see herd.rs. Goroutines sleep without the kernel, so the runtime's stacks show it.
func herd(followers, herds int) {
	executions := 0.0
	for h := 0; h < herds; h++ {
		got := one(followers)
		if h > 0 { // the first is not counted
			figure("last_us", micros(got.last))
			figure("leader_us", micros(got.leader))
			figure("cpu_us", micros(got.cpu))
			executions += float64(got.executions)
		}
	}
	figure("executions", executions/float64(herds-1))
}

type oneHerd struct {
	last, leader, cpu time.Duration
	executions        int32
}

func one(followers int) oneHerd {
	var group singleflight.Group
	var executions int32
	var last int64
	var back sync.WaitGroup
	var begin time.Time
	var cpu time.Duration
	back.Add(followers)
	do := func() {
		value, _, _ := group.Do("1", func() (any, error) {
			if atomic.AddInt32(&executions, 1) == 1 {
				for i := 0; i < followers; i++ {
					go func() {
						defer back.Done()
						_, _, _ = group.Do("1", func() (any, error) {
							atomic.AddInt32(&executions, 1)
							return 1, nil
						})
						note(&last, int64(time.Since(begin)))
					}()
				}
				settle(followers)
				cpu = processorTime()
				begin = time.Now()
			}
			return 1, nil
		})
		if value != 1 {
			panic("everyone has the leader's value")
		}
	}
	do()
	leader := time.Since(begin)
	back.Wait()
	return oneHerd{time.Duration(last), leader, processorTime() - cpu, executions}
}

// waiting counts the goroutines that wait for another's call: the package does not say so, but the
// runtime's stacks do.
func waiting() int {
	stacks := make([]byte, 4<<20)
	all := string(stacks[:runtime.Stack(stacks, true)])
	return strings.Count(all, "sync.(*WaitGroup).Wait(")
}

// settle returns when so many goroutines wait.
func settle(count int) {
	for waiting() < count {
		time.Sleep(500 * time.Microsecond)
	}
}

func note(last *int64, now int64) {
	for {
		known := atomic.LoadInt64(last)
		if now <= known || atomic.CompareAndSwapInt64(last, known, now) {
			return
		}
	}
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func micros(d time.Duration) float64 {
	return float64(d.Nanoseconds()) / 1000
}

// memory: see memory.rs. The goroutines are there before, so that only the package's bytes count.
func memory(keys int) {
	var group singleflight.Group
	names := make([]string, keys)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	var parked, running, done sync.WaitGroup
	start, end := make(chan struct{}), make(chan struct{})
	parked.Add(keys)
	running.Add(keys)
	done.Add(keys)
	for i := range names {
		name := names[i]
		go func() {
			defer done.Done()
			parked.Done()
			<-start
			_, _, _ = group.Do(name, func() (any, error) {
				running.Done()
				<-end
				return nil, nil
			})
		}()
	}
	parked.Wait()
	before := heap()
	close(start)
	running.Wait()
	figure("in_flight", float64(heap()-before)/float64(keys))
	close(end)
	done.Wait()
}

func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
