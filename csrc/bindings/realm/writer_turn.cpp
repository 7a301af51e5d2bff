#include "bindings/realm/writer_turn.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "bindings/values/convert.hpp"
#include "bindings/values/without_gil.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

using realm::RealmFile;
using realm::WriterQueue;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kSlice{50}; // between two looks at signals

// The running task of the thread's event loop, borrowed; null: none.
py::object current_task() {
    static PyObject* const running_loop =
        py::object(py::module_::import("asyncio").attr("_get_running_loop")).release().ptr();
    static PyObject* const current =
        py::object(py::module_::import("asyncio").attr("current_task")).release().ptr();
    auto loop = py::reinterpret_steal<py::object>(PyObject_CallNoArgs(running_loop));
    if (!loop)
        throw py::error_already_set();
    if (loop.is_none())
        return loop;
    auto task = py::reinterpret_steal<py::object>(PyObject_CallOneArg(current, loop.ptr()));
    if (!task)
        throw py::error_already_set();
    return task;
}

WriterQueue::Owner owner_with(const py::object& task) {
    return {PyThread_get_thread_ident(),
            task.is_none() ? 0 : reinterpret_cast<std::uintptr_t>(task.ptr())};
}

// Time left of a time-out, in slices.
class Deadline {
  public:
    explicit Deadline(std::optional<double> timeout) {
        constexpr double kForever = 1e9; // seconds; more would overflow the clock
        if (timeout && *timeout < kForever)
            end_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                      std::chrono::duration<double>(std::max(*timeout, 0.0)));
    }
    milliseconds slice() const {
        if (!end_)
            return kSlice;
        const auto left = std::chrono::ceil<milliseconds>(*end_ - Clock::now());
        return std::clamp(left, milliseconds(0), kSlice);
    }
    // Between two slices, with the GIL.
    void check() const {
        if (PyErr_CheckSignals() != 0)
            throw py::error_already_set();
        if (end_ && Clock::now() >= *end_)
            raise_python("WriteTimeoutError", "The file's other writers took longer than allowed");
    }

  private:
    std::optional<Clock::time_point> end_;
};

WriterQueue::Turn wait(RealmFile& file, const WriterQueue::Owner& owner, const Deadline& deadline) {
    refuse_own_turn(file, owner, true);
    if (auto turn = file.writers().try_acquire(owner))
        return turn;
    WriterQueue::Ticket ticket = file.writers().request_blocking(owner.thread);
    for (;;) {
        {
            WithoutGil release;
            if (ticket.wait_for(deadline.slice()))
                return ticket.take(owner);
        }
        deadline.check();
    }
}

} // namespace

WriterQueue::Owner caller() { return owner_with(current_task()); }

TurnOwner TurnOwner::caller() {
    TurnOwner owner;
    const py::object task = current_task();
    owner.owner_ = owner_with(task);
    if (!task.is_none())
        owner.task_ = py::weakref(task);
    return owner;
}

bool TurnOwner::is_caller() const {
    if (!is_of_this_thread())
        return false;
    return owner_.task == 0 ||
           owner_.task == reinterpret_cast<std::uintptr_t>(current_task().ptr());
}

std::string TurnOwner::of_whom() const {
    if (task_) {
        const py::object task = task_();
        return task.is_none()
                   ? " of a task that is gone"
                   : " of task '" + py::str(task.attr("get_name")()).cast<std::string>() + "'";
    }
    for (py::handle thread : py::module_::import("threading").attr("enumerate")())
        if (py::int_(owner_.thread).equal(thread.attr("ident")))
            return " of thread '" + py::str(thread.attr("name")).cast<std::string>() + "'";
    return " of thread " + std::to_string(owner_.thread);
}

void refuse_own_turn(RealmFile& file, const WriterQueue::Owner& owner, bool blocks) {
    const auto holder = file.writers().holder();
    if (!holder || holder->thread != owner.thread)
        return;
    // What was begun before the loop ran ends after it.
    const bool is_own = holder->task == owner.task || holder->task == 0;
    if (!is_own && !blocks)
        return;
    // A loop that is blocked could never end what another of its tasks has begun.
    raise_python("WrongTransactionStateError",
                 is_own ? "This task or thread is already in a write transaction of the same file"
                        : "Another task of this event loop is in a write transaction of the same "
                          "file: use `async with realm.write()` and `await Realm.open()` to wait");
}

WriterQueue::Turn wait_for_turn(RealmFile& file, const WriterQueue::Owner& owner,
                                std::optional<double> timeout) {
    return wait(file, owner, Deadline(timeout));
}

std::unique_ptr<realm::WriteTransaction> wait_and_begin(const std::shared_ptr<RealmFile>& file,
                                                        const WriterQueue::Owner& owner,
                                                        std::optional<double> timeout) {
    const Deadline deadline(timeout);
    WriterQueue::Turn turn = wait(*file, owner, deadline);
    for (;;) {
        {
            WithoutGil release;
            if (auto transaction = file->begin_write(std::move(turn), deadline.slice()))
                return transaction;
        }
        deadline.check();
    }
}

WriteTicket::WriteTicket(std::shared_ptr<RealmFile> file, std::shared_ptr<WakeUp> wake)
    : file_(std::move(file)),
      ticket_(file_->writers().request(PyThread_get_thread_ident(),
                                       [wake = std::move(wake)] { wake->signal(); })) {}

std::unique_ptr<realm::WriteTransaction> WriteTicket::begin(const WriterQueue::Owner& owner,
                                                            milliseconds patience) {
    WriterQueue::Turn turn = ticket_ ? ticket_->take(owner) : WriterQueue::Turn();
    if (!turn)
        return nullptr;
    auto transaction = file_->begin_write(std::move(turn), patience);
    if (!transaction)
        ticket_->put_back(std::move(turn));
    return transaction;
}

PendingFlush WriteTicket::take_flush(std::uint64_t number) {
    WriterQueue::Turn turn = ticket_ ? ticket_->take({}) : WriterQueue::Turn();
    if (!turn)
        raise_python("WrongTransactionStateError", "it is not the turn of this ticket");
    return {file_, std::move(turn), number};
}

void PendingFlush::run() { file_->flush(number_, std::move(turn_)); }

void WriteTicket::cancel() { ticket_.reset(); }

void PendingCommit::run(std::uint64_t now) {
    REALMSYNC_ASSERT(transaction_ != nullptr);
    std::exchange(transaction_, nullptr)->commit(now);
}

void bind_writer_turn(py::module_& m) {
    py::class_<WakeUp, std::shared_ptr<WakeUp>>(m, "WakeUp")
        .def(py::init<>())
        .def("fileno", &WakeUp::fd)
        .def("reset", &WakeUp::reset);
    py::class_<WriteTicket>(m, "WriteTicket")
        .def_property_readonly("granted", &WriteTicket::is_granted)
        .def(py::init<std::shared_ptr<RealmFile>, std::shared_ptr<WakeUp>>())
        .def("take_flush", &WriteTicket::take_flush)
        .def("cancel", &WriteTicket::cancel);
    py::class_<PendingFlush>(m, "PendingFlush")
        .def("run", &PendingFlush::run, py::call_guard<WithoutGil>());
    py::class_<PendingCommit>(m, "PendingCommit")
        .def("run", &PendingCommit::run, py::call_guard<WithoutGil>());
}

} // namespace realmsync::bindings
