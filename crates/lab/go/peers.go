// The situations of `lab peers`: prints one line `key: cell` for each, in the words of the table.
package main

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	callers = 8
	herds   = 100
	look    = 2 * time.Millisecond
	// After so many looks at a waiting goroutine it is said to hang: 300 ms, or more on a slow machine.
	hangsAfter = 150
	noAPI      = "no such API"
)

var errFailed = errors.New("on purpose")

func peers() {
	fmt.Printf("succeeding: %s\n", manyHerds(func() (any, error) { return 1, nil }))
	fmt.Printf("failing: %s\n", manyHerds(func() (any, error) { return nil, errFailed }))
	fmt.Printf("panicking: %s\n", manyHerds(func() (any, error) { panic("on purpose") }))
	fmt.Printf("own_key: %s\n", ownKey())
	fmt.Printf("crossed: %s\n", crossed())
	fmt.Printf("other_key: %s\n", otherKey())
	fmt.Printf("deadline: %s\n", deadline())
	fmt.Printf("stuck_leader: %s\n", stuckLeader())
	fmt.Printf("forgotten_joined: %s\n", forgottenJoined())
	fmt.Printf("forgotten_kept: %s\n", forgottenKept())
	fmt.Printf("old_value: %s (no window)\n", noAPI)
}

// call runs f on a goroutine of its own and sends its end, in the table's words.
func call(f func() (any, error)) <-chan string {
	came := make(chan string, 1)
	go func() {
		defer func() {
			if recover() != nil {
				came <- "panic"
			}
		}()
		value, err := f()
		if err != nil {
			came <- "get the error"
		} else {
			came <- fmt.Sprint("get ", value)
		}
	}()
	return came
}

// seen says how a call ended. A call hangs if more goroutines wait than before it, for long.
func seen(came <-chan string, before int) string {
	for looks := 0; looks < hangsAfter; {
		select {
		case end := <-came:
			return end
		case <-time.After(look):
		}
		if waiting() > before {
			looks++
		} else {
			looks = 0
		}
	}
	return "hang"
}

// manyHerds sends herds until one of them does not share.
func manyHerds(end func() (any, error)) string {
	words := ""
	for i := 0; i < herds; i++ {
		executions, ends := herdOf(end)
		words = fmt.Sprintf("%d execution; %s", executions, ends)
		if executions != 1 {
			return words
		}
	}
	return words
}

// herdOf has all callers ask for one key while its function runs.
func herdOf(end func() (any, error)) (int32, string) {
	var group singleflight.Group
	var executions int32
	before, started, release := waiting(), make(chan struct{}, callers), make(chan struct{})
	do := func() (any, error) {
		value, err, _ := group.Do("1", func() (any, error) {
			atomic.AddInt32(&executions, 1)
			started <- struct{}{}
			<-release
			return end()
		})
		return value, err
	}
	came := []<-chan string{call(do)}
	<-started
	for len(came) < callers {
		came = append(came, call(do))
	}
	settle(before + callers - 1)
	close(release)
	ends := ""
	for _, one := range came {
		end := seen(one, before)
		if ends != "" && ends != end {
			return executions, "not all " + end
		}
		ends = end
	}
	return executions, "all " + strings.Replace(ends, "get 1", "get the value", 1)
}

func ownKey() string {
	var group singleflight.Group
	before := waiting()
	end := seen(call(func() (any, error) { return nested(&group, "1", "1", nil) }), before)
	return strings.Replace(end, "hang", "hangs", 1)
}

func crossed() string {
	var group singleflight.Group
	before, lead, release := waiting(), make(chan struct{}, 2), make(chan struct{})
	goOn := func() {
		lead <- struct{}{}
		<-release
	}
	first := call(func() (any, error) { return nested(&group, "1", "2", goOn) })
	second := call(func() (any, error) { return nested(&group, "2", "1", goOn) })
	<-lead
	<-lead
	close(release)
	if seen(first, before) == "hang" && seen(second, before) == "hang" {
		return "both hang"
	}
	return "not both hang"
}

// nested loads one key with a function that loads the other.
func nested(group *singleflight.Group, own, other string, goOn func()) (any, error) {
	value, err, _ := group.Do(own, func() (any, error) {
		if goOn != nil {
			goOn()
		}
		value, err, _ := group.Do(other, func() (any, error) { return 0, nil })
		return value, err
	})
	return value, err
}

// slow starts a call of key 1 that ends with the value 1 when the function it returns is called.
func slow(group *singleflight.Group) (end func()) {
	started, release := make(chan struct{}), make(chan struct{})
	came := call(func() (any, error) {
		value, err, _ := group.Do("1", func() (any, error) {
			close(started)
			<-release
			return 1, nil
		})
		return value, err
	})
	<-started
	return func() {
		close(release)
		<-came
	}
}

// askFor calls with a function that returns the value 2 at once.
func askFor(group *singleflight.Group, key string) <-chan string {
	return call(func() (any, error) {
		value, err, _ := group.Do(key, func() (any, error) { return 2, nil })
		return value, err
	})
}

func otherKey() string {
	var group singleflight.Group
	before := waiting()
	defer slow(&group)()
	if seen(askFor(&group, "2"), before) == "get 2" {
		return "no"
	}
	return "yes"
}

func deadline() string {
	var group singleflight.Group
	defer slow(&group)()
	select {
	case <-group.DoChan("1", func() (any, error) { return 2, nil }):
		return "no"
	case <-time.After(50 * time.Millisecond):
		return "yes"
	}
}

func stuckLeader() string {
	var group singleflight.Group
	before := waiting()
	end := slow(&group)
	first, second := askFor(&group, "1"), askFor(&group, "1")
	if seen(first, before) != "hang" || seen(second, before) != "hang" {
		return "do not both wait"
	}
	end()
	if seen(first, before) != "get 1" || seen(second, before) != "get 1" {
		return "do not both come back"
	}
	return "wait until it ends (" + noAPI + ")"
}

func forgottenJoined() string {
	var group singleflight.Group
	before := waiting()
	defer slow(&group)()
	group.Forget("1")
	return given(seen(askFor(&group, "1"), before))
}

func forgottenKept() string {
	var group singleflight.Group
	before, end := waiting(), slow(&group)
	group.Forget("1")
	end()
	return given(seen(askFor(&group, "1"), before))
}

func given(end string) string {
	switch end {
	case "get 1":
		return "gets the old value"
	case "get 2":
		return "runs anew"
	}
	return end
}
