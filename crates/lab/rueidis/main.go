// One process of the lane of rueidisaside: how long its goroutines wait for a function of another process.
//
// The key is another one in each turn. All times are those of the wall clock, which the processes of a host share.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"
	"github.com/redis/rueidis/rueidisaside"
)

type answer struct {
	Ended   int64 `json:"ended"`
	Process int   `json:"process"`
}

type report struct {
	Executions int      `json:"executions"`
	Waited     []int64  `json:"waited"`
	Failures   []string `json:"failures"`
}

func number(at int) int64 {
	value, err := strconv.ParseInt(os.Args[at], 10, 64)
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	address, threads, turns := os.Args[1], number(2), number(3)
	period := time.Duration(number(4)) * time.Millisecond
	function := time.Duration(number(5)) * time.Millisecond
	first := time.Unix(0, number(6))
	client, err := rueidisaside.NewClient(rueidisaside.ClientOption{
		ClientOption: rueidis.ClientOption{InitAddress: []string{address}},
	})
	if err != nil {
		panic(err)
	}
	defer client.Close()

	var mutex sync.Mutex
	seen := report{Waited: []int64{}, Failures: []string{}}
	load := func(context.Context, string) (string, error) {
		time.Sleep(function)
		mutex.Lock()
		seen.Executions++
		mutex.Unlock()
		text, err := json.Marshal(answer{time.Now().UnixNano(), os.Getpid()})
		return string(text), err
	}
	call := func(turn int64) {
		time.Sleep(time.Until(first.Add(time.Duration(turn) * period)))
		entered := time.Now().UnixNano()
		var got answer
		text, err := client.Get(context.Background(), time.Minute, fmt.Sprint(turn), load)
		if err == nil {
			err = json.Unmarshal([]byte(text), &got)
		}
		returned := time.Now().UnixNano()
		mutex.Lock()
		defer mutex.Unlock()
		if err != nil {
			seen.Failures = append(seen.Failures, err.Error())
		} else if got.Process != os.Getpid() && entered < got.Ended {
			seen.Waited = append(seen.Waited, returned-got.Ended)
		}
	}
	var all sync.WaitGroup
	for i := int64(0); i < threads; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for turn := int64(0); turn < turns; turn++ {
				call(turn)
			}
		}()
	}
	all.Wait()
	if err := json.NewEncoder(os.Stdout).Encode(seen); err != nil {
		panic(err)
	}
}
