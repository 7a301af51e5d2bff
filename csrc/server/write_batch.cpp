#include "server/write_batch.hpp"

#include <exception>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "server/query_cost.hpp"
#include "server/upload.hpp"

namespace realmsync::server {

namespace {

constexpr std::uint64_t kJob = 50'000; // ns: what any job takes
constexpr unsigned kFailures = 2;      // of one upload, until it is refused

class WriteBatch {
  public:
    WriteBatch(ServerStore& store, std::vector<WriterJob> jobs, const WriteLimits& limits)
        : store_(store), limits_(limits), jobs_(std::move(jobs)) {}

    WriteResult run() {
        try {
            store_.begin();
            while (next_ < jobs_.size() && !is_over_)
                run_next();
        } catch (const std::exception& e) { // the job at next_, and with it the transaction
            return abort(e);
        }
        try {
            store_.commit();
        } catch (const std::exception& e) {
            const FailureScope scope = scope_of(e);
            return fail_all(e.what(), scope == FailureScope::job ? FailureScope::medium : scope);
        }
        for (const UploadProgress& progress : progress_)
            progress.task->integrated = progress.integrated;
        result_.left.insert(result_.left.end(), std::make_move_iterator(jobs_.begin() + next()),
                            std::make_move_iterator(jobs_.end()));
        return std::move(result_);
    }

  private:
    std::ptrdiff_t next() const { return static_cast<std::ptrdiff_t>(next_); }

    void run_next() {
        const std::uint64_t before = spent_;
        spent_ += kJob;
        auto& job = jobs_[next_];
        std::visit([this](auto& j) { run_job(j); }, job);
        result_.costs.push_back({owner_of(job).flow, spent_ - before});
        if (!is_unfinished_)
            ++next_;
        is_over_ = is_unfinished_ || spent_ >= limits_.transaction_work;
    }

    template <class J> void run_job(J& job) {
        try {
            result_.outcomes.push_back(do_job(job));
        } catch (const std::exception& e) {
            if (scope_of(e) != FailureScope::job || !store_.in_transaction())
                throw;
            result_.outcomes.push_back(JobFailed{job, e.what(), FailureScope::job});
        }
    }

    void run_job(Append& job) {
        UploadDone done{job.to, job.handle, job.owner.flow, job.bytes, 0, Appended{}};
        UploadStream& stream = *job.task.stream;
        std::optional<Refusal> fault;
        if (stream.refused)
            fault = Refusal{wire::Code::other_session_error, "An earlier upload was refused"};
        else
            fault = integrate(job, done);
        if (done.changesets != 0 && (fault || is_unfinished_)) {
            result_.outcomes.push_back(UploadDone{job.to, job.handle, done.user, 0,
                                                  std::exchange(done.changesets, 0), done.result,
                                                  false});
        }
        if (is_unfinished_)
            return;
        if (fault) {
            done.result = std::move(*fault);
            if (!std::exchange(stream.refused, true))
                refused_.push_back(&stream);
        }
        result_.outcomes.push_back(std::move(done));
    }

    // Has a transaction of its own, which its failure ends.
    void run_job(Administer& job) {
        AdministrationResult result = store_.administer(job.what);
        is_unfinished_ = !result.is_done;
        result_.outcomes.push_back(AdministrationDone{job, std::move(result)});
    }

    Outcome do_job(OpenPartition& job) {
        return PartitionOpened{job.handle, job.user_id,
                               store_.open_partition(job.app_id, job.key, job.user_id)};
    }
    Outcome do_job(AllocateIdent& job) {
        return IdentAllocated{job.to, job.handle,
                              store_.allocate_ident(job.partition, job.user_id)};
    }
    Outcome do_job(Bind& job) {
        spent_ += kQueryByte * query_size(job);
        FileBound done{job.to,
                       job.handle,
                       job.owner.flow,
                       job.bytes,
                       job.request.file.ident,
                       store_.bind(job.partition, job.request)};
        if (const auto* bound = std::get_if<BoundFile>(&done.result))
            spent_ += bound->work;
        return done;
    }

    Outcome do_job(Subscribe& job) {
        spent_ += kQueryByte * query_size(job);
        SubscribeDone done{job.to,
                           job.handle,
                           job.owner.flow,
                           job.bytes,
                           job.request.query_version,
                           store_.subscribe(job.partition, job.file_ident, job.request)};
        if (const auto* subscribed = std::get_if<Subscribed>(&done.result))
            spent_ += subscribed->work;
        return done;
    }
    Outcome do_job(Conclude& job) {
        auto result = store_.conclude(job.request.partition, job.request);
        spent_ += result.page.work;
        return Concluded{job.to, job.handle, job.request.bootstrap, std::move(result)};
    }

    Outcome do_job(BeginEarly& job) {
        return BegunEarly{job.to, job.handle,
                          store_.begin_early(job.partition, job.file_ident, job.cursor, job.due)};
    }

    Outcome do_job(NoteSeen& job) {
        store_.note_seen(job.partition, job.file_ident);
        return SeenNoted{job.handle};
    }

    // Why it is refused, or nothing: it is integrated, or unfinished and to be run again.
    std::optional<Refusal> integrate(Append& job, UploadDone& done) {
        has_progress_ = false;
        Work work(job.is_heavy ? limits_.upload_work : limits_.light_work, limits_.stop);
        std::optional<Refusal> fault;
        try {
            fault = integrate_parts(job, done, work);
        } catch (const std::exception& e) {
            spent_ += work.spent();
            if (scope_of(e) != FailureScope::job || !store_.in_transaction()) {
                is_too_much_ = work.is_exhausted();
                throw; // the whole transaction
            }
            return work.is_exhausted() ? too_much(job, work, {}) : failed(job, e.what());
        }
        spent_ += work.spent();
        return fault && work.is_exhausted() ? too_much(job, work, std::move(fault)) : fault;
    }

    std::optional<Refusal> integrate_parts(Append& job, UploadDone& done, Work& work) {
        auto opened = UploadReader::open(job.task, job.file_ident, limits_.upload, work);
        if (auto* fault = std::get_if<Refusal>(&opened))
            return std::move(*fault);
        auto& reader = std::get<UploadReader>(opened);
        while (!reader.at_end()) {
            if (has_progress_ && spent_ + work.spent() >= limits_.transaction_work) {
                is_unfinished_ = job.is_heavy = true;
                break;
            }
            auto request = reader.next(work);
            if (auto* fault = std::get_if<Refusal>(&request))
                return std::move(*fault);
            auto& part = std::get<AppendRequest>(request);
            const std::size_t count = part.changesets.size();
            auto result = store_.append(job.partition, std::move(part), work);
            if (auto* refusal = std::get_if<Refusal>(&result))
                return std::move(*refusal);
            add(std::get<Appended>(done.result), std::get<Appended>(std::move(result)));
            done.changesets += count;
            progress_.push_back({&job.task, reader.position()});
            has_progress_ = true;
        }
        return std::nullopt;
    }

    static void add(Appended& sum, Appended part) {
        sum.head = part.head;
        sum.made += part.made;
        sum.notice += part.notice;
        sum.concerns.insert(sum.concerns.end(), std::make_move_iterator(part.concerns.begin()),
                            std::make_move_iterator(part.concerns.end()));
    }

    // The work that it was given did not do. What was integrated of it before is kept. `fault`: of
    // an upload that may be tried again.
    std::optional<Refusal> too_much(Append& job, const Work& work, std::optional<Refusal> fault) {
        if (job.is_heavy && !has_progress_ && !work.was_stopped()) {
            if (fault && !fault->for_good)
                return fault;
            return Refusal{kTooLarge, "This upload would take the server too long", true};
        }
        is_unfinished_ = job.is_heavy = true;
        return std::nullopt;
    }
    // What is not the medium's failure is this upload's own: memory, or a limit of the store.
    std::optional<Refusal> failed(Append& job, const std::string& what) {
        if (++job.failures >= kFailures)
            return Refusal{kTooLarge, "This upload cannot be stored: " + what, true};
        is_unfinished_ = job.is_heavy = true;
        return std::nullopt;
    }

    struct UploadProgress {
        UploadTask* task;
        std::size_t integrated;
    };

    // The job at next_ has ended the transaction, for all of them.
    WriteResult abort(const std::exception& error) {
        const FailureScope scope = scope_of(error);
        std::string message = error.what();
        try {
            store_.rollback();
        } catch (const std::exception& e) { // what was not committed is not stored either way
            message += std::string("; ") + e.what();
        }
        if (scope != FailureScope::job || next_ == jobs_.size())
            return fail_all(message, scope);
        take_back();
        WriteResult result;
        result.costs = std::move(result_.costs);
        WriterJob& culprit = jobs_[next_];
        if (auto* append = std::get_if<Append>(&culprit)) {
            auto fault = is_too_much_ ? too_much(*append, Work(0, limits_.stop), {})
                                      : failed(*append, message);
            if (fault) {
                append->task.stream->refused = true;
                result.outcomes.push_back(UploadDone{append->to, append->handle, append->owner.flow,
                                                     append->bytes, 0, std::move(*fault)});
                jobs_.erase(jobs_.begin() + next());
            }
        } else {
            result.outcomes.push_back(JobFailed{culprit, message, FailureScope::job});
            jobs_.erase(jobs_.begin() + next());
        }
        result.left = std::move(jobs_);
        return result;
    }

    // Those jobs are lost, and with them what their sessions have sent since.
    WriteResult fail_all(const std::string& message, FailureScope scope) {
        take_back();
        WriteResult result;
        for (auto& job : jobs_) {
            if (auto* append = std::get_if<Append>(&job)) {
                // Later uploads of the session may be waiting already, with a progress that would
                // cover what is lost here.
                append->task.stream->refused = true;
                append->task = {};
            }
            result.outcomes.push_back(JobFailed{std::move(job), message, scope});
        }
        return result;
    }
    void take_back() {
        for (UploadStream* stream : refused_)
            stream->refused = false;
    }

    ServerStore& store_;
    const WriteLimits& limits_;
    std::vector<WriterJob> jobs_;
    std::size_t next_ = 0;
    std::uint64_t spent_ = 0; // ns of this transaction
    bool is_unfinished_ = false;
    bool has_progress_ = false; // a part of the upload at next_ is integrated
    bool is_over_ = false;
    bool is_too_much_ = false; // the job that ended the transaction ran out of work
    WriteResult result_;
    std::vector<UploadStream*> refused_; // in this transaction
    std::vector<UploadProgress> progress_;
};

} // namespace

FailureScope scope_of(const std::exception& error) {
    const auto* store = dynamic_cast<const StoreError*>(&error);
    if (store && store->is_full())
        return FailureScope::overload;
    return store && store->is_medium() ? FailureScope::medium : FailureScope::job;
}

WriteResult run_write_batch(ServerStore& store, std::vector<WriterJob> jobs,
                            const WriteLimits& limits) {
    return WriteBatch(store, std::move(jobs), limits).run();
}

} // namespace realmsync::server
