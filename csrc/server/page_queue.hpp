// Page jobs that wait, and whose turn it is: users share the readers equally, as they share the
// writer (job_queue.hpp), whatever number of sessions they have.
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <unordered_map>
#include <utility>

#include "server/job.hpp"

namespace realmsync::server {

class PageQueue {
  public:
    void push(FetchPage job) { // O(log flows)
        const Flow flow = job.owner.flow;
        Waiting& waiting = flows_[flow];
        if (waiting.jobs.empty()) {
            waiting.served = std::max(waiting.served, virtual_now_);
            ranking_.emplace(waiting.served, flow);
        }
        waiting.jobs.push_back(std::move(job));
    }
    FetchPage take() {
        const auto [served, flow] = *ranking_.begin();
        ranking_.erase(ranking_.begin());
        virtual_now_ = std::max(virtual_now_, served);
        Waiting& waiting = flows_.at(flow);
        FetchPage job = std::move(waiting.jobs.front());
        waiting.jobs.pop_front();
        waiting.served += kPage;
        if (!waiting.jobs.empty())
            ranking_.emplace(waiting.served, flow);
        else if (flows_.size() > kRemembered)
            std::erase_if(flows_, [&](const auto& entry) {
                return entry.second.jobs.empty() && entry.second.served <= virtual_now_;
            });
        return job;
    }
    // What a page was found to be, and what asking a view for it took, in ns.
    void charge(Flow flow, std::uint64_t bytes, std::uint64_t work) {
        auto found = flows_.find(flow);
        if (found == flows_.end())
            return;
        Waiting& waiting = found->second;
        const bool waits = ranking_.erase({waiting.served, flow}) != 0;
        waiting.served += bytes + work / kByte;
        if (waits)
            ranking_.emplace(waiting.served, flow);
    }

  private:
    // Bytes that are as much work as a page without any.
    static constexpr std::uint64_t kPage = 16u << 10;
    static constexpr std::uint64_t kByte = 6; // ns that a byte takes
    static constexpr std::size_t kRemembered = 1024;
    struct Waiting {              // of one user
        std::uint64_t served = 0; // bytes, in virtual time
        std::deque<FetchPage> jobs;
    };
    std::unordered_map<Flow, Waiting> flows_;
    std::set<std::pair<std::uint64_t, Flow>> ranking_; // of flows with jobs
    std::uint64_t virtual_now_ = 0;
};

} // namespace realmsync::server
