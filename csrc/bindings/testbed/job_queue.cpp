// The queue of the server's writer by itself: jobs by number, for models in Python.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings/testbed/bind.hpp"
#include "server/job_queue.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

class JobQueueByNumber {
  public:
    JobQueueByNumber() : queue_(tuning_) {}

    // Uploads and query sets have a size in bytes, binds the file of one.
    void push_upload(std::uint64_t number, server::Flow user, std::uint64_t partition,
                     std::uint64_t file, std::uint64_t size) {
        auto job = made<server::Append>(number, user, partition);
        job.file_ident = file;
        job.task.body.compressed = true;
        job.task.body.uncompressed_size = size;
        queue_.push(std::move(job));
    }
    void push_bind(std::uint64_t number, server::Flow user, std::uint64_t partition,
                   std::uint64_t file) {
        auto job = made<server::Bind>(number, user, partition);
        job.request.file.ident = file;
        queue_.push(std::move(job));
    }
    void push_query(std::uint64_t number, server::Flow user, std::uint64_t partition,
                    std::uint64_t file, std::uint64_t size) {
        auto job = made<server::Subscribe>(number, user, partition);
        job.file_ident = file;
        job.request.body.assign(size, ' ');
        queue_.push(std::move(job));
    }
    bool empty() const { return queue_.empty(); }
    std::vector<std::uint64_t> take() {
        taken_ = queue_.take();
        std::vector<std::uint64_t> numbers;
        for (const auto& job : taken_)
            numbers.push_back(number_of(job));
        return numbers;
    }
    // What each user was served, in ns, and which of the jobs taken are left, heavy from now on.
    void settle(const std::vector<std::pair<server::Flow, std::uint64_t>>& costs,
                const std::vector<std::uint64_t>& left, const std::vector<std::uint64_t>& heavy) {
        std::vector<server::WriteResult::Cost> all;
        for (const auto& [flow, work] : costs)
            all.push_back({flow, work});
        std::vector<server::WriterJob> jobs;
        for (auto& job : taken_) {
            const auto is_in = [&](const auto& numbers) {
                return std::ranges::find(numbers, number_of(job)) != numbers.end();
            };
            if (!is_in(left))
                continue;
            if (auto* append = std::get_if<server::Append>(&job))
                append->is_heavy = append->is_heavy || is_in(heavy);
            jobs.push_back(std::move(job));
        }
        queue_.settle(std::move(jobs), all);
    }

  private:
    template <class Job>
    static Job made(std::uint64_t number, server::Flow user, std::uint64_t partition) {
        Job job;
        job.to.binding = number;
        job.owner.flow = user;
        job.handle = partition;
        return job;
    }
    static std::uint64_t number_of(const server::WriterJob& job) {
        if (const auto* append = std::get_if<server::Append>(&job))
            return append->to.binding;
        if (const auto* subscribe = std::get_if<server::Subscribe>(&job))
            return subscribe->to.binding;
        return std::get<server::Bind>(job).to.binding;
    }

    const ServerTuning tuning_;
    server::JobQueue queue_;
    std::vector<server::WriterJob> taken_;
};

} // namespace

void bind_job_queue(py::module_& m) {
    py::class_<JobQueueByNumber>(m, "JobQueue")
        .def(py::init<>())
        .def("push_upload", &JobQueueByNumber::push_upload, py::arg("number"), py::arg("user"),
             py::arg("partition"), py::arg("file"), py::arg("size"))
        .def("push_bind", &JobQueueByNumber::push_bind, py::arg("number"), py::arg("user"),
             py::arg("partition"), py::arg("file"))
        .def("push_query", &JobQueueByNumber::push_query, py::arg("number"), py::arg("user"),
             py::arg("partition"), py::arg("file"), py::arg("size"))
        .def("empty", &JobQueueByNumber::empty)
        .def("take", &JobQueueByNumber::take)
        .def("settle", &JobQueueByNumber::settle, py::arg("costs"), py::arg("left") = py::list(),
             py::arg("heavy") = py::list());
}

} // namespace realmsync::bindings::testbed
