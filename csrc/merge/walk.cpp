// Theory. Each local instruction (major) meets each incoming one (minor) once, in order, both in
// the form that earlier meetings have left them in; what a meeting does is a cell of the matrix.
// Most cells do nothing, whatever stands in the instructions, because they are about different
// things: skipping those changes no result, and the rest is found without looking at every pair.
//
// Chains. numbers.hpp gives every object (and every class, for its schema instructions) a number;
// window_index.hpp links the local instructions of a number to a chain, collect() the incoming
// ones. Only the two chains of one number can meet.
// Keys. Within an object only instructions about the same property can meet, unless one erases the
// object. Within a property only those below the same first element can, unless one acts on the
// property as a whole or shifts its elements. So both sides are sorted by that key, and only runs
// of equal keys meet: join().
// Order. The instructions of a side stand in one array in the order of its history, and operands
// point into it. Sorting by key and then by address therefore keeps the history's order inside each
// run, which the rules rely on; between runs it does not matter, since they cannot meet.
//
// Classes and properties that are erased reach across all this: FullWalk then takes every pair.
#include "merge/walk.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <list>

#include "base/assert.hpp"
#include "merge/list_rules.hpp"
#include "merge/rules.hpp"
#include "merge/schema_rules.hpp"

namespace realmsync::merge {

using changeset::Changeset;
using changeset::Instruction;
using changeset::Op;
using changeset::StringId;

namespace {

constexpr std::uint64_t kMeeting = 20;  // ns: a cell of the matrix
constexpr std::uint64_t kListing = 10;  // ns: to find an operand again
constexpr std::uint64_t kRewrite = 200; // ns: an instruction of a window that is indexed anew

void spend_on_meetings(Work& work, std::uint64_t majors, std::uint64_t minors) {
    if (!work.try_spend(kMeeting * majors * minors))
        raise(ErrorKind::limit_exceeded, "Too many changes of the same objects on both sides: "
                                         "merging them would take too long.");
}

// The usual walk: no class or property is erased on either side, so only instructions about the
// same object can affect each other, and of those only instructions about the same property, unless
// the object is erased. In a property that nobody touches as a whole, each key stands by itself.
class GroupedWalk {
  public:
    GroupedWalk(WindowIndex& window, std::span<Incoming> run, Profile profile, Work& work)
        : window_(window), profile_(profile), work_(work) {
        sides_.reserve(run.size());
        for (Incoming& incoming : run)
            collect(incoming);
    }

    void run() {
        for (const Number object : touched_) {
            meet(object);
            window_.objects[object].incoming = {};
        }
        auto next = minors_.begin();
        for (Side& side : sides_) {
            const auto begin = next;
            while (next != minors_.end() && next->side == &side)
                ++next;
            if (side.dirty)
                remove_gone(*side.changeset, {begin, next});
        }
        REALMSYNC_ASSERT(next == minors_.end());
    }

  private:
    static constexpr std::size_t kManyCells = 256; // from here on sorting once more pays

    // Incoming instructions about objects that the window does not mention meet nothing.
    void collect(Incoming& incoming) {
        sides_.push_back(window_.make_side(*incoming.changeset, incoming.origin, false));
        Side& side = sides_.back();
        for (Instruction& i : side.changeset->instructions) {
            Chained operand;
            operand.side = &side;
            operand.instruction = &i;
            window_.numbers.number(operand, false);
            if (operand.object == kNone)
                continue;
            Chain& chain = window_.objects[operand.object].incoming;
            if (chain.head == kNone)
                touched_.push_back(operand.object);
            minors_.push_back(operand);
            link(minors_, chain, static_cast<Number>(minors_.size() - 1));
        }
    }

    // Operands in order; true if one of them erases the object.
    static bool list(std::vector<Chained>& operands, Number head, std::vector<Operand*>& out) {
        bool erases = false;
        out.clear();
        for (Number n = head; n != kNone; n = operands[n].next) {
            if (operands[n].gone)
                continue;
            out.push_back(&operands[n]);
            erases |= operands[n].op() == Op::erase_object;
        }
        return erases;
    }

    void meet(Number object) {
        Number& head = window_.objects[object].local.head;
        while (head != kNone && head < window_.first_operand())
            head = window_.operands[head].next;
        const bool local = list(window_.operands, head, majors_list_);
        if (majors_list_.empty())
            return;
        const bool incoming = list(minors_, window_.objects[object].incoming.head, minors_list_);
        work_.spend(kListing * (majors_list_.size() + minors_list_.size()));
        if (local || incoming)
            return meet(majors_list_, minors_list_);
        join(
            majors_list_, minors_list_, [](const Operand& o) { return o.field; },
            [&](auto majors, auto minors) {
                if (majors.size() * minors.size() >= kManyCells && all_below_elements(majors) &&
                    all_below_elements(minors))
                    join(majors, minors, first_element, [&](auto a, auto b) { meet(a, b); });
                else
                    meet(majors, minors);
            });
    }

    // Whether each acts on or below an element that it names, and none shifts such elements: then
    // those that name different elements cannot affect each other.
    static bool all_below_elements(std::span<Operand*> operands) {
        return std::all_of(operands.begin(), operands.end(), [](const Operand* o) {
            const std::uint32_t size = o->instruction->path_size;
            return size > 1 || (size == 1 && !is_list(o->op()));
        });
    }
    static std::uint64_t first_element(const Operand& o) {
        static_assert(sizeof(Number) == 4); // names lie above all indexes
        const auto& element = o.path().front();
        return element.is_string ? std::uint64_t{1} << 32 | o.side->names[element.value]
                                 : element.value;
    }

    // Sorts both by key and hands over those of equal keys, each in their old order, which their
    // addresses tell.
    template <class Key, class Meet>
    static void join(std::span<Operand*> majors, std::span<Operand*> minors, Key key, Meet meet) {
        REALMSYNC_ASSERT(std::is_sorted(majors.begin(), majors.end(), std::less<>()));
        REALMSYNC_ASSERT(std::is_sorted(minors.begin(), minors.end(), std::less<>()));
        const auto by_key = [&](const Operand* a, const Operand* b) {
            const auto x = key(*a), y = key(*b);
            return x != y ? x < y : a < b;
        };
        std::sort(majors.begin(), majors.end(), by_key);
        std::sort(minors.begin(), minors.end(), by_key);
        const auto take = [&](std::span<Operand*> list, std::size_t& at, auto wanted) {
            while (at < list.size() && key(*list[at]) < wanted)
                ++at;
            const std::size_t begin = at;
            while (at < list.size() && key(*list[at]) == wanted)
                ++at;
            return list.subspan(begin, at - begin);
        };
        for (std::size_t i = 0, j = 0; i < majors.size() && j < minors.size();) {
            const auto wanted = std::max(key(*majors[i]), key(*minors[j]));
            const auto some = take(majors, i, wanted);
            meet(some, take(minors, j, wanted));
        }
    }

    void meet(std::span<Operand*> majors, std::span<Operand*> minors) {
        spend_on_meetings(work_, majors.size(), minors.size());
        for (Operand* major : majors)
            for (Operand* minor : minors) {
                if (minor->gone)
                    continue;
                merge_cell(*major, *minor, profile_);
                if (major->gone)
                    break;
            }
    }

    static void remove_gone(Changeset& changeset, std::span<const Chained> operands) {
        auto kept = changeset.instructions.begin();
        auto operand = operands.begin();
        for (Instruction& i : changeset.instructions) {
            bool gone = false;
            if (operand != operands.end() && operand->instruction == &i)
                gone = operand++->gone;
            if (!gone)
                *kept++ = i;
        }
        changeset.instructions.erase(kept, changeset.instructions.end());
    }

    WindowIndex& window_;
    const Profile profile_;
    Work& work_;
    std::vector<Side> sides_;
    std::vector<Chained> minors_; // that can meet something, in order
    std::vector<Number> touched_; // objects that both sides mention
    std::vector<Operand*> majors_list_, minors_list_;
};

// The walk where classes or properties are erased: every instruction meets every other one, and
// rule D4 adds instructions while it goes on.
class FullWalk {
  public:
    FullWalk(WindowIndex& window, std::span<Incoming> run, Profile profile, Work& work)
        : window_(window), profile_(profile), work_(work) {
        work_.spend(kRewrite * window.operands.size());
        window.drop_gone();
        sides_.reserve(run.size());
        for (Incoming& incoming : run) {
            sides_.push_back(window_.make_side(*incoming.changeset, incoming.origin, true));
            add(minors_, sides_.back());
        }
    }

    void run() {
        for (std::size_t n = window_.first(); n < window_.sides.size(); ++n) {
            Side& side = window_.sides[n];
            add(majors_, side);
            spend_on_meetings(work_, majors_.size(), minors_.size());
            for (auto major = majors_.begin(); major != majors_.end(); ++major)
                row(major, minors_.begin());
            write_back(majors_, side);
        }
        for (Side& side : sides_)
            write_back(minors_, side);
        window_.rebuild();
    }

  private:
    using Operands = std::list<Operand>;

    void add(Operands& operands, Side& side) {
        for (Instruction& i : side.changeset->instructions)
            number(operands.emplace_back(), side, i);
    }
    void number(Operand& operand, Side& side, Instruction& i) {
        operand.side = &side;
        operand.instruction = &i;
        window_.numbers.number(operand, true);
    }

    void row(Operands::iterator major, Operands::iterator minor) {
        for (; minor != minors_.end() && !major->gone; ++minor) {
            if (minor->gone)
                continue;
            merge_cell(*major, *minor, profile_);
            if (major->gone || minor->gone)
                continue;
            // D4: the erasing side erases the property, too; the other side forgets it.
            if (links_to_erased_class(*major, *minor)) {
                prepend(minors_, minor, *major);
                major->discard();
            } else if (links_to_erased_class(*minor, *major)) {
                row(prepend(majors_, major, *minor), std::next(minor));
                minor->discard();
            }
        }
    }

    Operands::iterator prepend(Operands& operands, Operands::iterator before,
                               const Operand& column) {
        Side& side = *before->side;
        const auto& names = column.side->changeset->strings;
        Instruction& erase = added_.emplace_back();
        erase.op = Op::erase_column;
        erase.table = intern(side, names[column.instruction->table]);
        erase.field = intern(side, names[column.instruction->field]);
        side.mark_dirty();
        const auto added = operands.emplace(before);
        number(*added, side, erase);
        return added;
    }

    StringId intern(Side& side, std::string_view name) {
        auto& strings = side.changeset->strings;
        const auto known = std::find(strings.begin(), strings.end(), name);
        if (known != strings.end())
            return static_cast<StringId>(known - strings.begin());
        side.changeset->buffers.push_back(std::make_shared<const std::string>(name));
        strings.emplace_back(*side.changeset->buffers.back());
        window_.numbers.number_strings(side, true);
        return static_cast<StringId>(strings.size() - 1);
    }

    // Takes the side's operands off the front of the list.
    static void write_back(Operands& operands, Side& side) {
        std::vector<Instruction> left;
        while (!operands.empty() && operands.front().side == &side) {
            if (!operands.front().gone)
                left.push_back(*operands.front().instruction);
            operands.pop_front();
        }
        side.changeset->instructions = std::move(left);
    }

    WindowIndex& window_;
    const Profile profile_;
    Work& work_;
    std::vector<Side> sides_;
    Operands minors_, majors_; // majors: of one window changeset at a time
    std::deque<Instruction> added_;
};

} // namespace

void walk(WindowIndex& window, std::span<Incoming> run, Profile profile, Work& work) {
    const bool destructive =
        window.destructive() || std::any_of(run.begin(), run.end(), [](const Incoming& incoming) {
            return is_destructive(*incoming.changeset);
        });
    if (destructive)
        FullWalk(window, run, profile, work).run();
    else
        GroupedWalk(window, run, profile, work).run();
}

} // namespace realmsync::merge
