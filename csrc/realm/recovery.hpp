// Recovers local changes in a client reset: replays them on the state that the server has
// (client-session.md 13.6). Of an object that is gone, or a link to one, nothing is left; lists
// whose old elements were addressed are replaced by their local content.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "changeset/instruction.hpp"
#include "realm/list_tracker.hpp"
#include "realm/write_transaction.hpp"

namespace realmsync::realm {

class Recovery {
  public:
    // Writes to `fresh`, which nobody ever commits; `local` is the file as it was before the reset,
    // in a transaction.
    Recovery(WriteTransaction& fresh, RealmConnection& local) : fresh_(fresh), local_(local) {}

    // The next local changeset as it is to be uploaded now; empty: nothing is left of it. Throws
    // ErrorException for what cannot be recovered: everything that was replayed is void then.
    // O(instructions), and the size of each list that is copied.
    std::string replay(const changeset::Changeset& changeset);
    // Whether something could not be replayed, as what it was about has gone.
    bool has_loss() const { return has_loss_; }

  private:
    using Path = std::vector<changeset::Step>;

    // A list that is no element of one: lists inside of known elements are new altogether.
    struct TrackedList {
        std::string cls, property;
        model::ObjectKey key;
        std::vector<std::string> path; // of names
        ListTracker tracker;
        bool is_copied = false;
    };
    // The place of an instruction as it is here. `path` is its own; an index of a list that was
    // made locally stays as it is, as does everything behind it.
    struct Place {
        tables::Target target;
        Path path;
        bool is_ours = false; // inside of something that was made locally
    };

    void replay(const changeset::Changeset& changeset, const changeset::Instruction& i);
    void change_schema(const changeset::Changeset& changeset, const changeset::Instruction& i);
    void change_object(const changeset::Changeset& changeset, const changeset::Instruction& i,
                       tables::Target target);
    void update(const changeset::Instruction& i, Place& place, Scalar value);
    void clear(const changeset::Instruction& i, Place& place);
    void change_list(const changeset::Instruction& i, Place& list, std::uint32_t index,
                     const Scalar& value);
    void change_set(const changeset::Instruction& i, Place& place, const Scalar& value);

    const model::Class& find_class(std::string_view name);
    // Where the first `steps` of the path lead: nothing when the change is to be discarded.
    std::optional<Place> walk(const changeset::Changeset& changeset,
                              const changeset::Instruction& i, tables::Target target,
                              std::size_t steps);
    bool step(Place& place, const changeset::Step& step);
    const model::Value* look(const Place& place); // null: nothing there
    ListTracker& tracker(const Place& list);
    bool is_dead(const Scalar& value); // a link to an object that is not there

    void copy_lists();
    void copy(TrackedList& list);

    WriteTransaction& fresh_;
    RealmConnection& local_;
    std::map<std::string, TrackedList> lists_; // by where they are
    bool has_loss_ = false;
};

} // namespace realmsync::realm
