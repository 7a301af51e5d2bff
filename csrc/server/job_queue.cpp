#include "server/job_queue.hpp"

#include <algorithm>
#include <span>
#include <type_traits>
#include <variant>

#include "base/assert.hpp"
#include "server/query_cost.hpp"

namespace realmsync::server {

namespace {

// What a job takes, in ns, as far as its size tells.
constexpr std::uint64_t kJob = 100'000;
constexpr std::uint64_t kUploadedByte = 8;
// Transactions of what is light between two heavy jobs, when one that turned out to be heavy kept
// the others from being done.
constexpr unsigned kCutInTurn = 8;

std::uint64_t bytes_of(const WriterJob& job) {
    const auto* append = std::get_if<Append>(&job);
    return append ? append->task.plain_size() - append->task.integrated : 0;
}

std::uint64_t estimate(const WriterJob& job) { // ns
    return std::visit(
        [&](const auto& j) {
            if constexpr (requires { query_size(j); })
                return kJob + kQueryByte * query_size(j);
            else
                return kJob + kUploadedByte * bytes_of(job);
        },
        job);
}

// The client file whose stream of messages the job belongs to; 0: none, the order does not matter.
std::uint64_t file_of(const WriterJob& job) {
    if (const auto* append = std::get_if<Append>(&job))
        return append->file_ident;
    if (const auto* subscribe = std::get_if<Subscribe>(&job))
        return subscribe->file_ident;
    if (const auto* begin = std::get_if<BeginEarly>(&job))
        return begin->file_ident;
    const auto* conclude = std::get_if<Conclude>(&job);
    return conclude ? conclude->request.file_ident : 0;
}

// A threshold told at the bind counts the uploads of the file that were accepted before; query sets
// come between the uploads where they stood.
template <class Jobs> bool may_overtake(const WriterJob& job, const Jobs& before) {
    if (file_of(job) != 0)
        return false;
    const auto* bind = std::get_if<Bind>(&job);
    return bind == nullptr || std::ranges::none_of(before, [&](const WriterJob& other) {
               return handle_of(other) == bind->handle &&
                      file_of(other) == bind->request.file.ident;
           });
}

bool is_heavy(const WriterJob& job) {
    return std::visit(
        [](const auto& j) {
            if constexpr (requires { j.is_heavy; })
                return j.is_heavy;
            else
                return std::is_same_v<std::decay_t<decltype(j)>, Administer>;
        },
        job);
}

} // namespace

WriterJob& JobQueue::Waiting::front() {
    return urgent.empty() ? jobs.at(turns.front()).front() : urgent.front();
}

WriterJob JobQueue::Waiting::take_front() {
    if (!urgent.empty()) {
        WriterJob job = std::move(urgent.front());
        urgent.pop_front();
        return job;
    }
    const std::uint64_t handle = turns.front();
    turns.pop_front();
    auto found = jobs.find(handle);
    WriterJob job = std::move(found->second.front());
    found->second.pop_front();
    if (found->second.empty())
        jobs.erase(found);
    else
        turns.push_back(handle);
    return job;
}

bool JobQueue::is_urgent(const Waiting& waiting, const WriterJob& job) {
    const auto before = waiting.jobs.find(handle_of(job));
    return before == waiting.jobs.end() ? file_of(job) == 0 : may_overtake(job, before->second);
}

void JobQueue::push(WriterJob job) {
    const bool is_heavy = estimate(job) > tuning_.light_work;
    std::visit(
        [&](auto& j) {
            if constexpr (requires { j.is_heavy; })
                j.is_heavy = is_heavy;
        },
        job);
    const Flow flow = owner_of(job).flow;
    Waiting& waiting = flows_[flow];
    unrank(flow, waiting);
    if (waiting.empty()) // whoever was idle has saved nothing up
        waiting.served = std::max(waiting.served, virtual_now_);
    if (is_urgent(waiting, job)) {
        waiting.urgent.push_back(std::move(job));
    } else {
        const std::uint64_t handle = handle_of(job);
        auto& jobs = waiting.jobs[handle];
        if (jobs.empty())
            waiting.turns.push_back(handle);
        jobs.push_back(std::move(job));
    }
    rank(flow, waiting);
}

void JobQueue::rank(Flow flow, Waiting& waiting) {
    if (!waiting.empty())
        (is_heavy(waiting.front()) ? heavy_ : light_).emplace(waiting.served, flow);
}

void JobQueue::unrank(Flow flow, const Waiting& waiting) {
    light_.erase({waiting.served, flow});
    heavy_.erase({waiting.served, flow});
}

WriterJob JobQueue::take_one(Ranking& from) {
    const auto [served, flow] = *from.begin();
    Waiting& waiting = flows_.at(flow);
    unrank(flow, waiting);
    virtual_now_ = std::max(virtual_now_, served);
    WriterJob job = waiting.take_front();
    const std::uint64_t size = estimate(job);
    const auto work = static_cast<std::uint64_t>(static_cast<double>(size) * waiting.factor);
    waiting.served += work;
    charged_.push_back({flow, size, work});
    rank(flow, waiting);
    return job;
}

std::vector<WriterJob> JobQueue::take() {
    REALMSYNC_ASSERT(charged_.empty());
    std::vector<WriterJob> batch;
    const unsigned patience = was_cut_ ? kCutInTurn : 1;
    if (!heavy_.empty() && (light_in_turn_ >= patience || light_.empty())) {
        light_in_turn_ = 0;
        batch.push_back(take_one(heavy_));
        return batch;
    }
    ++light_in_turn_;
    std::uint64_t bytes = 0, work = 0;
    while (!light_.empty() && bytes < tuning_.commit_bytes && work < tuning_.transaction_work &&
           batch.size() < tuning_.commit_jobs) {
        batch.push_back(take_one(light_));
        bytes += bytes_of(batch.back());
        work += charged_.back().work;
    }
    return batch;
}

void JobQueue::charge(Flow flow, std::int64_t work) {
    auto found = flows_.find(flow);
    if (found == flows_.end())
        return;
    Waiting& waiting = found->second;
    unrank(flow, waiting);
    const auto served = static_cast<std::int64_t>(waiting.served) + work;
    waiting.served = static_cast<std::uint64_t>(std::max<std::int64_t>(served, 0));
    rank(flow, waiting);
}

void JobQueue::settle(std::vector<WriterJob> left, const std::vector<WriteResult::Cost>& costs) {
    std::unordered_map<Flow, std::int64_t> more; // than was charged: users are ranked anew once
    for (const Charge& taken : charged_)
        more[taken.flow] -= static_cast<std::int64_t>(taken.work);
    for (std::size_t i = 0; i < costs.size(); ++i) {
        more[costs[i].flow] += static_cast<std::int64_t>(costs[i].work);
        if (i < charged_.size() && charged_[i].flow == costs[i].flow)
            learn(flows_[costs[i].flow], charged_[i].estimate, costs[i].work);
    }
    for (const auto& [flow, work] : more)
        charge(flow, work);
    charged_.clear();
    was_cut_ =
        std::any_of(left.begin(), left.end(), [](const WriterJob& job) { return !is_heavy(job); });
    for (std::size_t i = left.size(); i-- != 0;) {
        WriterJob* job = &left[i];
        const Flow flow = owner_of(*job).flow;
        Waiting& waiting = flows_[flow];
        unrank(flow, waiting);
        if (may_overtake(*job, std::span(left).first(i))) {
            waiting.urgent.push_front(std::move(*job));
        } else {
            const std::uint64_t handle = handle_of(*job);
            auto& jobs = waiting.jobs[handle];
            std::erase(waiting.turns, handle);
            waiting.turns.push_front(handle);
            jobs.push_front(std::move(*job));
        }
        rank(flow, waiting);
    }
    forget_idle();
}

// So that users whose jobs are larger than they look get fewer of them into a transaction.
void JobQueue::learn(Waiting& waiting, std::uint64_t estimate, std::uint64_t work) {
    constexpr double kWeight = 0.25, kLeast = 0.1, kMost = 1000;
    const double factor = static_cast<double>(work) / static_cast<double>(estimate);
    waiting.factor += kWeight * (std::clamp(factor, kLeast, kMost) - waiting.factor);
}

// Those whose share is no longer remembered: time has passed it.
void JobQueue::forget_idle() {
    constexpr std::size_t kRemembered = 1024;
    if (flows_.size() < kRemembered + 2 * (light_.size() + heavy_.size()))
        return;
    std::erase_if(flows_, [&](const auto& entry) {
        return entry.second.empty() && entry.second.served <= virtual_now_;
    });
}

} // namespace realmsync::server
