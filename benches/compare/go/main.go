// The lanes of golang.org/x/sync/singleflight: prints figures in the words of the Rust package
// around this file, one line `figure<TAB>value` each.
//
//	compare-go lead THREADS CALLS
//	compare-go herd FOLLOWERS HERDS
//	compare-go memory KEYS
//	compare-go zipf THREADS MILLISECONDS
//
// Keys are strings there, so they are made before the clock starts.
package main

import (
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/singleflight"
)

func main() {
	// Whatever happens, whoever runs this is not left waiting.
	time.AfterFunc(time.Minute, func() { panic("took more than a minute") })
	switch os.Args[1] {
	case "lead":
		lead(argument(2), argument(3))
	case "herd":
		herd(argument(2), argument(3))
	case "memory":
		memory(argument(2))
	case "zipf":
		zipf(argument(2), time.Duration(argument(3))*time.Millisecond)
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
	fmt.Printf("%s\t%v\n", name, value)
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

// herd: see herd.rs. Goroutines sleep without the kernel, so the runtime's stacks are asked.
func herd(followers, herds int) {
	executions := 0.0
	for h := 0; h < herds; h++ {
		seen := one(followers)
		if h > 0 { // the first is not counted
			figure("last_us", micros(seen.last))
			figure("leader_us", micros(seen.leader))
			figure("cpu_us", micros(seen.cpu))
			executions += float64(seen.executions)
		}
	}
	figure("executions", executions/float64(herds-1))
}

type seen struct {
	last, leader, cpu time.Duration
	executions        int32
}

func one(followers int) seen {
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
	return seen{time.Duration(last), leader, processorTime() - cpu, executions}
}

// settle returns when so many goroutines wait for another's call.
func settle(count int) {
	stacks := make([]byte, 4<<20)
	for {
		time.Sleep(500 * time.Microsecond)
		all := string(stacks[:runtime.Stack(stacks, true)])
		if strings.Count(all, "sync.(*WaitGroup).Wait(") >= count {
			return
		}
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

// zipf: see zipf.rs.
func zipf(threads int, long time.Duration) {
	const keys, draws = 10000, 1 << 14
	var group singleflight.Group
	var executions, done int64
	turns := turns()
	names, drawn := zipfNames(keys, draws)
	counts := make([]struct {
		calls int64
		_     [120]byte
	}, threads)
	for t := 0; t < threads; t++ {
		own, random := &counts[t].calls, rand.New(rand.NewSource(int64(t)))
		go func() {
			for i := 1; atomic.LoadInt64(&done) == 0; i++ {
				_, _, _ = group.Do(names[drawn[random.Intn(draws)]], func() (any, error) {
					atomic.AddInt64(&executions, 1)
					burn(turns)
					return 1, nil
				})
				atomic.StoreInt64(own, int64(i))
			}
		}()
	}
	soFar := func() (time.Time, int64, int64) {
		calls := int64(0)
		for i := range counts {
			calls += atomic.LoadInt64(&counts[i].calls)
		}
		return time.Now(), calls, atomic.LoadInt64(&executions)
	}
	begin, calls, ran := soFar()
	time.Sleep(long)
	end, allCalls, allRan := soFar()
	atomic.StoreInt64(&done, 1)
	figure("rate", float64(allCalls-calls)/end.Sub(begin).Seconds())
	figure("executions", 1000*float64(allRan-ran)/float64(allCalls-calls))
}

// zipfNames gives the keys, and draws from them by Zipf's law with the exponent 1.
func zipfNames(keys, draws int) ([]string, []int) {
	names, sums, sum := make([]string, keys), make([]float64, keys), 0.0
	for i := range names {
		names[i] = strconv.Itoa(i)
		sum += 1 / float64(i+1)
		sums[i] = sum
	}
	drawn, random := make([]int, draws), rand.New(rand.NewSource(42))
	for i := range drawn {
		drawn[i] = sort.SearchFloat64s(sums, random.Float64()*sum)
	}
	return names, drawn
}

var sink uint64

func burn(turns int) {
	x := uint64(88172645463325252)
	for i := 0; i < turns; i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	if x == 0 { // never, but the compiler cannot know
		sink = x
	}
}

// turns gives how many take 20 us on a processor that nobody disturbs.
func turns() int {
	const trial = 20000
	fastest := time.Hour
	for i := 0; i < 100; i++ {
		begin := time.Now()
		burn(trial)
		if took := time.Since(begin); took < fastest {
			fastest = took
		}
	}
	return int(trial * 20 * time.Microsecond / fastest)
}
