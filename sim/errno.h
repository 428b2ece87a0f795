// sim/errno.h: FreeBSD's error numbers (sys/sys/errno.h), as simulated system calls return them.
#ifndef VMSIM_SIM_ERRNO_H_
#define VMSIM_SIM_ERRNO_H_

namespace vmsim::sim {

inline constexpr int kEperm = 1;
inline constexpr int kEnoent = 2;
inline constexpr int kEsrch = 3;
inline constexpr int kEintr = 4;
inline constexpr int kEio = 5;
inline constexpr int kEnxio = 6;
inline constexpr int kEbadf = 9;
inline constexpr int kEchild = 10;
inline constexpr int kEnomem = 12;
inline constexpr int kEacces = 13;
inline constexpr int kEfault = 14;
inline constexpr int kEbusy = 16;
inline constexpr int kEexist = 17;
inline constexpr int kEinval = 22;
inline constexpr int kEnospc = 28;
inline constexpr int kEagain = 35;
inline constexpr int kEopnotsupp = 45;
inline constexpr int kEloop = 62;

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_ERRNO_H_
