#include "realm/writer_queue.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace realmsync::realm {

struct WriterQueue::Ticket::Waiter {
    std::uint64_t thread = 0;      // of the event loop that takes the turn; 0: it blocks
    std::function<void()> on_turn; // empty: it blocks
};

bool WriterQueue::Ticket::is_granted() const {
    std::lock_guard lock(queue_->mutex_);
    return queue_->granted_ == waiter_;
}

bool WriterQueue::Ticket::wait_for(std::chrono::milliseconds time) const {
    std::unique_lock lock(queue_->mutex_);
    return queue_->came_.wait_for(lock, time, [&] { return queue_->granted_ == waiter_; });
}

WriterQueue::Turn WriterQueue::Ticket::take(Owner owner) {
    std::lock_guard lock(queue_->mutex_);
    if (queue_->granted_ != waiter_)
        return Turn();
    REALMSYNC_ASSERT(!queue_->taken_);
    queue_->granted_.reset();
    queue_->taken_ = true;
    queue_->owner_ = owner;
    return Turn(*queue_);
}

void WriterQueue::Ticket::put_back(Turn turn) {
    REALMSYNC_ASSERT(turn.is_of(*queue_));
    std::lock_guard lock(queue_->mutex_);
    turn.queue_ = nullptr;
    queue_->taken_ = false;
    queue_->granted_ = waiter_;
}

WriterQueue::Ticket WriterQueue::request(std::uint64_t thread, std::function<void()> on_turn) {
    auto waiter = std::make_shared<Waiter>(Waiter{thread, std::move(on_turn)});
    std::shared_ptr<Waiter> next;
    {
        std::lock_guard lock(mutex_);
        waiting_.push_back(waiter);
        next = advance();
    }
    tell(next);
    return {*this, std::move(waiter)};
}

WriterQueue::Ticket WriterQueue::request_blocking(std::uint64_t thread) {
    auto waiter = std::make_shared<Waiter>();
    std::shared_ptr<Waiter> next;
    {
        std::lock_guard lock(mutex_);
        const auto is_ours = [&](const auto& other) {
            return thread != 0 && other->thread == thread;
        };
        if (granted_ && is_ours(granted_)) // it is told again when its turn comes again
            waiting_.push_front(std::exchange(granted_, nullptr));
        waiting_.insert(std::find_if(waiting_.begin(), waiting_.end(), is_ours), waiter);
        next = advance();
    }
    tell(next);
    return {*this, std::move(waiter)};
}

WriterQueue::Turn WriterQueue::acquire() {
    if (Turn turn = try_acquire())
        return turn;
    Ticket ticket = request_blocking(0);
    while (!ticket.wait_for(std::chrono::hours(1))) {
    }
    return ticket.take({});
}

WriterQueue::Turn WriterQueue::try_acquire(Owner owner) {
    std::lock_guard lock(mutex_);
    if (taken_ || granted_)
        return Turn();
    REALMSYNC_ASSERT(waiting_.empty());
    taken_ = true;
    owner_ = owner;
    return Turn(*this);
}

bool WriterQueue::is_taken() const {
    std::lock_guard lock(mutex_);
    return taken_;
}

std::optional<WriterQueue::Owner> WriterQueue::holder() const {
    std::lock_guard lock(mutex_);
    return taken_ ? std::optional(owner_) : std::nullopt;
}

void WriterQueue::disown() {
    std::lock_guard lock(mutex_);
    REALMSYNC_ASSERT(taken_);
    owner_ = {};
}

bool WriterQueue::has_waiters() const {
    std::lock_guard lock(mutex_);
    return granted_ != nullptr || !waiting_.empty();
}

void WriterQueue::release() {
    std::shared_ptr<Waiter> next;
    {
        std::lock_guard lock(mutex_);
        REALMSYNC_ASSERT(taken_);
        taken_ = false;
        next = advance();
    }
    tell(next);
}

void WriterQueue::leave(const std::shared_ptr<Waiter>& waiter) {
    std::shared_ptr<Waiter> next;
    {
        std::lock_guard lock(mutex_);
        if (granted_ == waiter)
            granted_.reset();
        else // nowhere when it has taken its turn
            waiting_.remove(waiter);
        next = advance();
    }
    tell(next);
}

std::shared_ptr<WriterQueue::Waiter> WriterQueue::advance() {
    if (taken_ || granted_ || waiting_.empty())
        return nullptr;
    granted_ = std::move(waiting_.front());
    waiting_.pop_front();
    return granted_;
}

void WriterQueue::tell(const std::shared_ptr<Waiter>& waiter) {
    if (!waiter)
        return;
    if (waiter->on_turn)
        waiter->on_turn();
    else
        came_.notify_all(); // each looks for its own turn; there are never many
}

} // namespace realmsync::realm
