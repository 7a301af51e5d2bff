// Threads that run store and merge jobs. A lane is a queue of jobs that run one after another (one
// per realm file, one for the server's writer); different lanes run in parallel. Threads never call
// Python: results go through completion_queue.hpp.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace realmsync::runtime {

class WorkerPool {
  public:
    using Job = std::function<void()>; // must not throw
    class Lane;

    // With 0 threads jobs run inside post(), for deterministic tests.
    explicit WorkerPool(unsigned threads);
    // Jobs that have not started are dropped; waits for running ones. Call without the GIL.
    void stop();
    ~WorkerPool() { stop(); }

    std::shared_ptr<Lane> make_lane();
    void post(const std::shared_ptr<Lane>& lane, Job job);
    bool is_inline() const { return inline_; }

  private:
    struct Sleeper { // a thread that waits for work
        std::condition_variable wake;
        bool is_called = false;
    };
    void run();

    const bool inline_;
    std::mutex mutex_;
    std::deque<std::shared_ptr<Lane>> ready_; // lanes with work that no thread is running
    // The last one to fall asleep is called first: what it works with is still in its caches.
    std::vector<Sleeper*> sleepers_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

} // namespace realmsync::runtime
