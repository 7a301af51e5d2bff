#include "runtime/worker_pool.hpp"

#include <utility>

namespace realmsync::runtime {

class WorkerPool::Lane {
  public:
    std::deque<Job> jobs; // guarded by the pool's mutex
    bool active = false;  // queued in ready_, or running
};

WorkerPool::WorkerPool(unsigned threads) : inline_(threads == 0) {
    threads_.reserve(threads);
    for (unsigned i = 0; i < threads; ++i)
        threads_.emplace_back([this] { run(); });
}

void WorkerPool::stop() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
        ready_.clear();
        for (Sleeper* sleeper : sleepers_)
            sleeper->wake.notify_one();
        sleepers_.clear();
    }
    for (auto& thread : threads_)
        thread.join();
    threads_.clear();
}

std::shared_ptr<WorkerPool::Lane> WorkerPool::make_lane() { return std::make_shared<Lane>(); }

void WorkerPool::post(const std::shared_ptr<Lane>& lane, Job job) {
    if (inline_) {
        // A job may post to its own lane: keep lane order by draining here only.
        lane->jobs.push_back(std::move(job));
        if (lane->active)
            return;
        lane->active = true;
        while (!lane->jobs.empty()) {
            Job next = std::move(lane->jobs.front());
            lane->jobs.pop_front();
            next();
        }
        lane->active = false;
        return;
    }
    std::lock_guard lock(mutex_);
    if (stopping_)
        return;
    lane->jobs.push_back(std::move(job));
    if (lane->active)
        return;
    lane->active = true;
    ready_.push_back(lane);
    if (sleepers_.empty())
        return; // whoever is awake looks for more before he sleeps
    Sleeper* const sleeper = sleepers_.back();
    sleepers_.pop_back();
    sleeper->is_called = true;
    sleeper->wake.notify_one(); // under the lock: it ends with its thread
}

void WorkerPool::run() {
    Sleeper self;
    std::unique_lock lock(mutex_);
    while (true) {
        while (ready_.empty() && !stopping_) {
            self.is_called = false;
            sleepers_.push_back(&self);
            self.wake.wait(lock, [&] { return stopping_ || self.is_called; });
        }
        if (stopping_)
            return;
        std::shared_ptr<Lane> lane = std::move(ready_.front());
        ready_.pop_front();
        Job job = std::move(lane->jobs.front());
        lane->jobs.pop_front();
        lock.unlock();
        job();
        job = nullptr; // destroy what it captured outside the lock
        lock.lock();
        if (lane->jobs.empty() || stopping_) {
            lane->active = false;
        } else {
            ready_.push_back(std::move(lane)); // to the back: lanes take turns
        }
    }
}

} // namespace realmsync::runtime
