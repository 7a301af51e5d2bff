#include "server/write_batch.hpp"

#include <exception>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "server/upload.hpp"

namespace realmsync::server {

namespace {

// Every step may be repeated after a rollback: jobs keep what they need, and the marks on upload
// streams are taken back.
class WriteBatch {
  public:
    WriteBatch(ServerStore& store, std::uint64_t inflated_bytes_limit)
        : store_(store), inflated_bytes_limit_(inflated_bytes_limit) {}

    enum class End { done, job_failed, commit_failed };
    End run(std::span<WriterJob> jobs, std::vector<Outcome>& outcomes) {
        std::vector<Outcome> mine;
        mine.reserve(jobs.size());
        refused_.clear();
        bool committing = false;
        try {
            store_.begin();
            for (auto& job : jobs)
                mine.push_back(std::visit([this](auto& j) { return do_job(j); }, job));
            committing = true;
            store_.commit();
        } catch (const std::exception& e) {
            failure_ = e.what();
            for (UploadStream* stream : refused_)
                stream->refused = false;
            if (committing)
                return End::commit_failed;
            roll_back();
            return End::job_failed;
        }
        std::move(mine.begin(), mine.end(), std::back_inserter(outcomes));
        return End::done;
    }
    // Those jobs are lost, and with them what their sessions have sent since.
    void fail(std::span<WriterJob> jobs, std::vector<Outcome>& outcomes) const {
        for (auto& job : jobs) {
            if (auto* append = std::get_if<Append>(&job)) {
                // Later uploads of the session may be waiting already, with a progress that would
                // cover what is lost here.
                append->task.stream->refused = true;
                append->task = {};
            }
            outcomes.push_back(JobFailed{std::move(job), failure_});
        }
    }

  private:
    // That it fails, too, changes nothing: what was not committed is not stored, whether the
    // transaction could not even begin or the file is beyond reach.
    void roll_back() {
        try {
            store_.rollback();
        } catch (const std::exception& e) {
            failure_ += std::string("; ") + e.what();
        }
    }

    Outcome do_job(OpenPartition& job) {
        return PartitionOpened{job.handle, store_.open_partition(job.app_id, job.key)};
    }
    Outcome do_job(AllocateIdent& job) {
        return IdentAllocated{job.to, job.handle,
                              store_.allocate_ident(job.partition, job.user_id)};
    }
    Outcome do_job(Bind& job) {
        return FileBound{job.to, job.handle, job.request.file.ident,
                         store_.bind(job.partition, job.request)};
    }
    Outcome do_job(Append& job) {
        UploadDone done{job.to, job.handle, job.bytes, 0, Appended{}};
        done.result = append(job, done.changesets);
        UploadStream& stream = *job.task.stream;
        if (std::holds_alternative<UploadFault>(done.result) && !stream.refused) {
            stream.refused = true;
            refused_.push_back(&stream);
        }
        return done;
    }
    std::variant<Appended, UploadFault> append(Append& job, std::size_t& changesets) {
        if (job.task.stream->refused)
            return UploadFault{wire::Code::other_session_error, "An earlier upload was refused"};
        Prepared prepared = prepare_append(job.task, job.file_ident, inflated_bytes_limit_);
        if (auto* fault = std::get_if<UploadFault>(&prepared))
            return std::move(*fault);
        if (std::holds_alternative<std::monostate>(prepared))
            return Appended{};
        auto& request = std::get<AppendRequest>(prepared);
        const std::size_t count = request.changesets.size();
        auto result = store_.append(job.partition, std::move(request));
        if (auto* refusal = std::get_if<Refusal>(&result))
            return UploadFault{refusal->code, std::move(refusal->message)};
        changesets = count;
        return std::get<Appended>(result);
    }

    ServerStore& store_;
    const std::uint64_t inflated_bytes_limit_;
    std::vector<UploadStream*> refused_; // in this transaction
    std::string failure_;
};

} // namespace

std::vector<Outcome> run_write_batch(ServerStore& store, std::vector<WriterJob> jobs,
                                     std::uint64_t inflated_bytes_limit) {
    WriteBatch batch(store, inflated_bytes_limit);
    std::vector<Outcome> outcomes;
    outcomes.reserve(jobs.size());
    const auto end = batch.run(jobs, outcomes);
    if (end == WriteBatch::End::done)
        return outcomes;
    if (end == WriteBatch::End::commit_failed || jobs.size() == 1) {
        batch.fail(jobs, outcomes);
        return outcomes;
    }
    for (auto& job : jobs)
        if (batch.run({&job, 1}, outcomes) != WriteBatch::End::done)
            batch.fail({&job, 1}, outcomes);
    return outcomes;
}

} // namespace realmsync::server
